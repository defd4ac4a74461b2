"""The open warehouse: statements by name, transactions, streams, and what it says when it can't."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from filled_warehouse import NOW, fill

from warehouse.connection import DATABASE, Warehouse, open_warehouse
from warehouse.errors import LockedError, WarehouseError
from warehouse.statements import list_statements, read_statement

MODEL = {
    "catalog": "news", "model_id": "m1", "file": "m1.json", "sha256": "0", "metadata": "{}", "run_id": "r1", "trained_at": NOW,
}  # fmt: skip


def models(warehouse: Warehouse) -> list[str]:
    return warehouse.query("queries/models_like", beginning="", catalog="news")["sha256"].to_list()


def test_absent_warehouse_can_not_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "nowhere"
    with (
        pytest.raises(WarehouseError, match=f"there is no warehouse in '{folder}' yet; run `nightjar ingest"),
        open_warehouse(folder, read_only=True),
    ):
        pass
    assert not folder.exists()


def test_read_only_warehouse_refuses_a_change(tmp_path: Path) -> None:
    with open_warehouse(tmp_path):
        pass
    with (
        open_warehouse(tmp_path, read_only=True) as warehouse,
        pytest.raises(WarehouseError, match="rows for table 'models' were refused: .*read-only"),
    ):
        warehouse.insert("models", pl.DataFrame([MODEL]))


def test_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    def insert_and_fail(warehouse: Warehouse) -> None:
        with warehouse.transaction():
            warehouse.insert("models", pl.DataFrame([MODEL]))
            raise ValueError("boom")

    with open_warehouse(tmp_path) as warehouse:
        with pytest.raises(ValueError, match="boom"):
            insert_and_fail(warehouse)
        assert models(warehouse) == []
        with warehouse.transaction():
            warehouse.insert("models", pl.DataFrame([MODEL]))
        assert models(warehouse) == ["0"]


def test_insert_fails_ignores_or_replaces_on_conflict(tmp_path: Path) -> None:
    other = pl.DataFrame([{**MODEL, "sha256": "1"}])
    with open_warehouse(tmp_path) as warehouse:
        warehouse.insert("models", pl.DataFrame([MODEL]))
        with pytest.raises(WarehouseError, match="rows for table 'models' were refused: .*[Dd]uplicate key"):
            warehouse.insert("models", other)
        warehouse.insert("models", other, on_conflict="ignore")
        assert models(warehouse) == ["0"]
        warehouse.insert("models", other, on_conflict="replace")
        assert models(warehouse) == ["1"]


def test_rows_that_do_not_fit_their_table_name_it(tmp_path: Path) -> None:
    with (
        open_warehouse(tmp_path) as warehouse,
        pytest.raises(WarehouseError, match="rows for table 'models' were refused: .*colour"),
    ):
        warehouse.insert("models", pl.DataFrame([{**MODEL, "colour": "red"}]))


def test_statement_that_fails_is_shown(tmp_path: Path) -> None:
    with (
        open_warehouse(tmp_path) as warehouse,
        pytest.raises(WarehouseError, match=r"(?s)in statement: -- purpose: the model that serves a catalog"),
    ):
        warehouse.query("queries/latest_model", catalogue="news")


def test_stream_gives_all_rows_while_others_are_written(tmp_path: Path) -> None:
    with open_warehouse(tmp_path) as warehouse:
        fill(warehouse)
        seen = []
        for frame in warehouse.stream("queries/index_items", rows=1, catalog="news", as_of_end=datetime(2026, 11, 2)):
            seen += frame["item_id"].to_list()
            with warehouse.transaction():
                warehouse.insert("models", pl.DataFrame([MODEL]), on_conflict="replace")
        assert seen == ["i1", "i2", "i3", "i4"]


def test_stream_that_nobody_finished_does_not_keep_the_warehouse_open(tmp_path: Path) -> None:
    with open_warehouse(tmp_path, memory_limit_mb=300) as warehouse:
        fill(warehouse)
        abandoned = warehouse.stream("queries/index_items", rows=1, catalog="news", as_of_end=datetime(2026, 11, 2))
        assert next(abandoned).height > 0
    # With other settings DuckDB opens a database anew only when nobody holds it any more.
    with open_warehouse(tmp_path) as warehouse:
        assert warehouse.value("queries/count_active_items", catalog="news") == 3


def test_value_of_an_empty_result_is_none(tmp_path: Path) -> None:
    with open_warehouse(tmp_path) as warehouse:
        assert warehouse.value("queries/latest_model", catalog="news") is None


def test_warehouse_open_elsewhere_is_an_error_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warehouse.connection.PATIENCE_S", 0.3)
    holder = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from warehouse.connection import open_warehouse
        with open_warehouse(Path({str(tmp_path)!r})):
            print("open", flush=True)
            sys.stdin.read()
    """)
    with subprocess.Popen(
        [sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(LockedError, match="is open in another process; try again"), open_warehouse(tmp_path):
            pass
        process.communicate("")


def test_file_that_is_no_database_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_text("this is no database " * 1000, encoding="utf-8")
    with (
        pytest.raises(WarehouseError, match=f"{tmp_path / DATABASE}' is damaged: .*; restore a backup"),
        open_warehouse(tmp_path),
    ):
        pass


def test_unknown_statement_names_its_folder() -> None:
    with pytest.raises(WarehouseError, match="no SQL file 'queries/nonesuch' under .*sql; reinstall"):
        read_statement("queries/nonesuch")


@pytest.mark.parametrize("name", list_statements("marts"))
def test_view_is_there_for_those_who_query(tmp_path: Path, name: str) -> None:
    with open_warehouse(tmp_path) as warehouse:
        view = name.split("/")[1]
        assert warehouse.connection.execute(f"select count(*) from {view}").fetchall() == [(0,)]


def test_opening_an_unchanged_warehouse_writes_nothing(tmp_path: Path) -> None:
    with open_warehouse(tmp_path):
        pass
    before = (tmp_path / DATABASE).read_bytes()
    with open_warehouse(tmp_path) as warehouse:
        assert warehouse.connection.execute("select count(*) from current_topic_labels").fetchall() == [(0,)]
    assert (tmp_path / DATABASE).read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        "create or replace view current_topic_labels as select 1 as other",
        "drop view current_topic_labels",
        "comment on view current_topic_labels is 'stale'",
    ],
)
def test_view_that_is_stale_is_made_anew(tmp_path: Path, damage: str) -> None:
    with open_warehouse(tmp_path) as warehouse:
        columns = warehouse.connection.execute("describe current_topic_labels").fetchall()
        warehouse.connection.execute(damage)
    with open_warehouse(tmp_path) as warehouse:
        assert warehouse.connection.execute("describe current_topic_labels").fetchall() == columns
        [(comment,)] = warehouse.connection.execute(
            "select comment from duckdb_views() where view_name = 'current_topic_labels'"
        ).fetchall()
        assert comment != "stale"


def setting(warehouse: Warehouse, name: str) -> str:
    return str(warehouse.connection.sql(f"select current_setting('{name}')").fetchall()[0][0])


def test_confined_is_for_a_while_and_never_above_the_operators_limit(tmp_path: Path) -> None:
    with open_warehouse(tmp_path, memory_limit_mb=100) as warehouse:
        before = setting(warehouse, "memory_limit"), setting(warehouse, "threads")
        with warehouse.confined(500):
            assert (setting(warehouse, "memory_limit"), setting(warehouse, "threads")) == (before[0], "1")
        with pytest.raises(ValueError, match="on the way"), warehouse.confined(50):
            assert setting(warehouse, "memory_limit") == "47.6 MiB"
            raise ValueError("on the way")
        assert (setting(warehouse, "memory_limit"), setting(warehouse, "threads")) == before


def test_dropped_cache_leaves_limit_and_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warehouse.connection.CACHE_KEPT_MB", 4)
    with open_warehouse(tmp_path) as warehouse:
        warehouse.connection.execute(
            "create table many as select range as i, md5(range::text) as text from range(400000)"
        )
        warehouse.connection.execute("checkpoint")
        with warehouse.confined(128):
            total = "select sum(i), count(distinct text) from many"
            before = warehouse.connection.sql(total).fetchall()
            held = "select sum(memory_usage_bytes) from duckdb_memory()"
            full = warehouse.connection.sql(held).fetchall()[0][0]
            warehouse.drop_cache()
            assert warehouse.connection.sql(held).fetchall()[0][0] < full
            assert setting(warehouse, "memory_limit") == "122.0 MiB"
            assert warehouse.connection.sql(total).fetchall() == before


def test_cache_that_is_in_use_stays(tmp_path: Path) -> None:
    with open_warehouse(tmp_path) as warehouse, warehouse.confined(128):
        warehouse.connection.execute(
            "create temp table held as select range as i, md5(range::text) as t from range(600000)"
        )
        warehouse.connection.execute("set temp_directory = ''")
        warehouse.drop_cache()
        assert setting(warehouse, "memory_limit") == "122.0 MiB"
        assert warehouse.connection.sql("select count(*) from held").fetchall() == [(600000,)]
