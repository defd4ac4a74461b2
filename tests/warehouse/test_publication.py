"""Publishing: what a reader finds, how the files are written, and what is kept."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from published import DAY, facts, only, publish_all, recommendations, rows_of_all_tables, snapshot

from warehouse.errors import PublicationError
from warehouse.publication import (
    SCHEMA_VERSION,
    TABLES,
    list_publications,
    point_latest,
    publish,
    resolve_latest,
    sweep_publications,
    verify_publication,
)
from warehouse.publication.contract import render_contract
from warehouse.publication.files import write_table

CONTRACT = Path(__file__).parents[2] / "docs" / "contract.md"


def test_one_user_is_one_query(tmp_path: Path) -> None:
    publication = publish_all(tmp_path)
    query = f"select * from read_parquet('{publication.glob('recommendations')}') where user_id = 'u01' order by rank"
    rows = duckdb.sql(query).pl()
    assert rows["rank"].to_list() == [1, 2, 3, 4]
    assert rows["sources"][0].to_list() == ["bm25", "dense_profile"]
    assert set(rows["run"]) == {"r1"}


def test_queries_of_the_contract_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    publish_all(tmp_path / "published")
    monkeypatch.chdir(tmp_path)
    (query,) = re.findall(r"```sql\n(.*?)```", CONTRACT.read_text(encoding="utf-8"), re.DOTALL)
    with duckdb.connect() as connection:
        *before, last = [part for part in query.split(";") if part.strip()]
        for statement in before:
            connection.execute(statement)
        assert [row[0] for row in connection.execute(last).fetchall()] == [1, 2, 3, 4]
    (program,) = re.findall(r"```python\n(.*?)```", CONTRACT.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(program, "contract.md", "exec"), {})
    assert "because" in capsys.readouterr().out


def test_link_leads_to_the_same_rows(tmp_path: Path) -> None:
    publication = publish_all(tmp_path)
    by_link = duckdb.sql(f"select * from read_parquet('{tmp_path}/latest/labels/*.parquet')").pl()
    assert by_link.rows() == pl.read_parquet(publication.files("labels"), hive_partitioning=False).rows()
    assert not os.path.isabs((tmp_path / "latest").readlink())


def test_files_say_what_they_are(tmp_path: Path) -> None:
    publication = publish_all(tmp_path)
    for name, table in TABLES.items():
        (path,) = publication.files(name)
        assert path.parent == tmp_path / name / "v1" / "run=r1"
        file = pq.ParquetFile(path)
        metadata = {
            key.decode(): value.decode() for key, value in file.metadata.metadata.items() if b"ARROW" not in key
        }
        assert metadata == {
            "nightjar.run": "r1", "nightjar.table": name, "nightjar.schema_version": SCHEMA_VERSION, "licence": "CC0-1.0",
        }  # fmt: skip
        assert file.schema_arrow.equals(table.schema)
        assert file.metadata.row_group(0).column(0).compression == "ZSTD"
        assert all(field.metadata[b"description"] for field in file.schema_arrow)


def test_manifest_tells_all_of_the_run(tmp_path: Path) -> None:
    publication = publish_all(tmp_path)
    manifest = json.loads((tmp_path / "runs" / "r1" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest == publication.manifest
    for key in ("run", "as_of", "published_at", "code_version", "catalogs", "gates", "models", "labelers", "costs"):
        assert manifest[key]
    table = manifest["tables"]["recommendations"]
    assert table["rows"] == 12
    assert table["unique"] == [["catalog", "user_id", "item_id"], ["catalog", "user_id", "rank"]]
    assert all(column["description"] for column in table["columns"])
    assert publication.n_rows == 12 + 6
    assert publication.n_files == len(TABLES)


def test_rows_are_sorted_by_user_and_split_into_small_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = recommendations(n_users=50, n_items=3).sample(fraction=1, shuffle=True, seed=1)
    files = write_table(
        [frame[:70], frame[70:]], TABLES["recommendations"], root=tmp_path, folder="r", stem="news", catalog="news",
        metadata={}, memory_limit_mb=100, rows_per_file=100,
    )  # fmt: skip
    assert [file.rows for file in files] == [99, 51]
    read = pl.concat([pl.read_parquet(tmp_path / file.path) for file in files])
    assert read.equals(frame.sort("user_id", "rank"), null_equal=True)


def test_many_rows_make_several_files(tmp_path: Path) -> None:
    frame = recommendations(n_users=60, n_items=500)
    files = write_table(
        [frame], TABLES["recommendations"], root=tmp_path, folder="r", stem="news", catalog="news",
        metadata={}, memory_limit_mb=200, rows_per_file=20_000,
    )  # fmt: skip
    assert [file.rows for file in files] == [20_000, 10_000]
    groups = [pq.read_metadata(tmp_path / file.path).num_row_groups for file in files]
    assert groups == [2, 1]


def test_user_is_in_one_file_however_many_rows_that_takes(tmp_path: Path) -> None:
    frame = recommendations(n_users=7, n_items=30)
    few = pl.col("user_id").is_in(["u01", "u05"]) & (pl.col("rank") > 4)
    files = write_table(
        [frame.filter(~few)], TABLES["recommendations"], root=tmp_path, folder="r", stem="news", catalog="news",
        metadata={}, memory_limit_mb=200, rows_per_file=20,
    )  # fmt: skip
    assert [(file.rows, file.first, file.last) for file in files] == [
        (30, "u00", "u00"), (4, "u01", "u01"), (30, "u02", "u02"), (30, "u03", "u03"), (30, "u04", "u04"), (4, "u05", "u05"),
        (30, "u06", "u06"),
    ]  # fmt: skip


def test_catalogs_lie_side_by_side(tmp_path: Path) -> None:
    rows = [row for catalog in ("books", "news") for row in rows_of_all_tables(catalog)]
    publication = publish(tmp_path, rows, facts=facts(catalogs=("books", "news")))
    names = [path.name for path in publication.files("recommendations")]
    assert names == ["books-r1-00000.parquet", "news-r1-00000.parquet"]
    verify_publication(tmp_path)


def test_table_that_is_not_given_is_published_empty(tmp_path: Path) -> None:
    publication = publish(tmp_path, only(recommendations()), facts=facts())
    assert duckdb.sql(f"from read_parquet('{publication.glob('labels')}')").fetchall() == []
    verify_publication(tmp_path)


def test_rerun_with_nothing_changed_has_equal_rows(tmp_path: Path) -> None:
    first, second = publish_all(tmp_path, "r1"), publish_all(tmp_path, "r2", night=1)
    for table in TABLES:
        a, b = (pl.read_parquet(one.files(table), hive_partitioning=False) for one in (first, second))
        assert a.equals(b, null_equal=True)


def test_same_run_with_the_same_rows_is_published_once(tmp_path: Path) -> None:
    publish_all(tmp_path, "r1")
    publish_all(tmp_path, "r2", night=1)
    before = snapshot(tmp_path / "recommendations")
    again = publish_all(tmp_path, "r1", night=2)
    assert again.publication_id == "r1"
    assert resolve_latest(tmp_path).publication_id == "r1"
    assert snapshot(tmp_path / "recommendations") == before


def test_same_run_with_other_rows_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    held = publish_all(tmp_path, "r1", mark="first")
    again = publish_all(tmp_path, "r1", mark="second", night=1)
    assert (again.publication_id, again.run_id) == ("r1.2", "r1")
    assert resolve_latest(tmp_path).publication_id == "r1.2"
    assert set(pl.read_parquet(held.files("recommendations"))["reason"]) == {"because first"}


def test_last_publications_are_kept_and_the_latest_always(tmp_path: Path) -> None:
    for night in range(4):
        publish_all(tmp_path, f"r{night}", mark=str(night), night=night, keep=2)
    assert [one.publication_id for one in list_publications(tmp_path)] == ["r3", "r2"]
    assert sorted(path.name for path in (tmp_path / "labels" / "v1").iterdir()) == ["run=r2", "run=r3"]
    late = publish_all(tmp_path, "r9", mark="an old run", night=-5, keep=2)
    assert resolve_latest(tmp_path).publication_id == late.publication_id == "r9"
    verify_publication(tmp_path)


def test_keeping_one_would_cut_readers_off(tmp_path: Path) -> None:
    with pytest.raises(PublicationError, match="keep 1 would cut off readers"):
        publish_all(tmp_path, keep=1)


def test_rollback_moves_the_pointer(tmp_path: Path) -> None:
    first = publish_all(tmp_path, "r1")
    publish_all(tmp_path, "r2", night=1)
    point_latest(first)
    assert resolve_latest(tmp_path).publication_id == "r1"
    assert (tmp_path / "latest").resolve() == (tmp_path / "runs" / "r1").resolve()


def test_nothing_published_says_so(tmp_path: Path) -> None:
    with pytest.raises(PublicationError, match="nothing is published"):
        resolve_latest(tmp_path)
    with pytest.raises(PublicationError, match="no publication 'r7'"):
        verify_publication(tmp_path, "r7")


def test_what_a_dead_process_left_is_swept(tmp_path: Path) -> None:
    publish_all(tmp_path)
    for leftover in (".staging-r2/labels", "labels/v1/run=r2", "runs/r2"):
        (tmp_path / leftover).mkdir(parents=True)
    (tmp_path / "latest").unlink()
    removed = sweep_publications(tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in removed] == [".staging-r2", "labels/v1/run=r2", "runs/r2"]
    assert (tmp_path / "latest").resolve() == (tmp_path / "runs" / "r1").resolve()
    verify_publication(tmp_path)


def test_contract_page_is_fresh() -> None:
    assert CONTRACT.read_text(encoding="utf-8") == render_contract(), (
        "docs/contract.md is stale; run `python -m warehouse.publication.contract > docs/contract.md`"
    )


def test_dates_are_dates(tmp_path: Path) -> None:
    publication = publish_all(tmp_path)
    assert pl.read_parquet(publication.files("recommendations"))["as_of"][0] == DAY
    assert str(pl.read_parquet(publication.files("labels"))["created_at"][0]) == "2026-11-01 02:30:00+00:00"
