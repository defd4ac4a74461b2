"""One DuckDB instance serves opening after opening, and nothing of one is seen in the next: no lock, setting, table or memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from warehouse import instances
from warehouse.connection import Warehouse, open_warehouse
from warehouse.errors import WarehouseError

MEBIBYTE = 1024**2


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The databases that instances were made for, from here on."""
    seen: list[str] = []
    real = duckdb.connect

    def connect(database: str, **options: Any) -> duckdb.DuckDBPyConnection:
        seen.append(database)
        return real(database, **options)

    monkeypatch.setattr(instances.duckdb, "connect", connect)
    return seen


def limits(warehouse: Warehouse) -> tuple[Any, ...]:
    settings = ("memory_limit", "threads", "temp_directory")
    return warehouse.connection.sql(f"select {', '.join(f'current_setting({one!r})' for one in settings)}").fetchall()[
        0
    ]


def test_second_opening_takes_the_instance_of_the_first(tmp_path: Path, made: list[str]) -> None:
    for limit in (100, None, 100, None):
        with open_warehouse(tmp_path, memory_limit_mb=limit):
            pass
    with open_warehouse(tmp_path, read_only=True, memory_limit_mb=100):
        pass
    assert len(made) == 2
    with open_warehouse(tmp_path / "other"):
        pass
    assert len(made) == 3


@pytest.mark.parametrize("limit", [100, None])
def test_an_opening_leaves_neither_settings_nor_tables(tmp_path: Path, limit: int | None, made: list[str]) -> None:
    with open_warehouse(tmp_path, memory_limit_mb=limit) as warehouse:
        before = limits(warehouse)
        warehouse.connection.execute("create temp table passing as select 1")
        with warehouse.confined(50):
            assert limits(warehouse) != before
    with open_warehouse(tmp_path, memory_limit_mb=limit) as warehouse:
        assert limits(warehouse) == before
        with pytest.raises(duckdb.CatalogException, match="passing"):
            warehouse.connection.execute("from passing")
    assert len(made) == 1


def test_kept_instance_holds_no_lock(tmp_path: Path) -> None:
    with open_warehouse(tmp_path) as warehouse:
        warehouse.connection.execute("create table mine as select 1 as one")
    script = f"import duckdb; duckdb.connect({str(warehouse.folder / 'nightjar.duckdb')!r}).execute('insert into mine values (2)')"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    with open_warehouse(tmp_path) as warehouse:
        assert warehouse.connection.execute("select sum(one) from mine").fetchall() == [(3,)]


def test_instance_in_which_something_failed_is_not_kept(tmp_path: Path, made: list[str]) -> None:
    with pytest.raises(WarehouseError, match="no_such"), open_warehouse(tmp_path) as warehouse:
        warehouse.connection.execute("create table kept as select 1")
        warehouse._run("from no_such_table", {})
    with open_warehouse(tmp_path) as warehouse:
        assert warehouse.connection.execute("from kept").fetchall() == [(1,)]
    assert len(made) == 2


def test_instance_that_has_spilled_is_not_kept_and_its_scratch_goes(tmp_path: Path, made: list[str]) -> None:
    with open_warehouse(tmp_path, memory_limit_mb=60) as warehouse:
        warehouse.connection.execute("set threads = 1")
        warehouse.connection.execute(
            "select hash(i), repeat('x', 100) || i from range(1_000_000) t(i) order by 1"
        ).fetchone()
        assert (tmp_path / "tmp").exists()
    assert not (tmp_path / "tmp").exists()
    with open_warehouse(tmp_path, memory_limit_mb=60):
        pass
    assert len(made) == 2


def test_memory_of_a_heavy_opening_goes_back(tmp_path: Path, made: list[str]) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096

    with open_warehouse(tmp_path):
        pass
    before = resident()
    with open_warehouse(tmp_path) as warehouse:
        warehouse.connection.execute(
            "create temp table big as select i, repeat('x', 90) || i as t from range(4_000_000) r(i)"
        )
        assert resident() - before > 300 * MEBIBYTE
    assert resident() - before < 60 * MEBIBYTE
    assert len(made) == 1


def test_a_process_that_has_opened_a_warehouse_ends_in_silence(tmp_path: Path) -> None:
    script = f"from pathlib import Path; from warehouse.connection import open_warehouse as o\nwith o(Path({str(tmp_path)!r})): pass"
    ended = subprocess.run([sys.executable, "-c", script], check=True, timeout=60, capture_output=True, text=True)
    assert ended.stderr + ended.stdout == ""
