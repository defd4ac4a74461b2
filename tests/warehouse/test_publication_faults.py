"""Faults of a publication: rows that are refused, files and manifests that changed, and what is said of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from published import facts, only, publish_all, recommendations, rows_of_all_tables, snapshot

from warehouse.errors import PublicationError
from warehouse.publication import (
    TABLES,
    Publication,
    TableRows,
    find_faults,
    list_publications,
    publish,
    resolve_latest,
    row_checks,
    verify_publication,
)
from warehouse.publication.files import conform, write_file
from warehouse.publication.row_checks import check_rows
from warehouse.publication.verify import verify


def test_damaged_publication_is_not_taken_for_the_same(tmp_path: Path) -> None:
    publication = publish_all(tmp_path, "r1")
    publication.files("labels")[0].unlink()
    assert publish_all(tmp_path, "r1", night=1).publication_id == "r1.2"
    verify_publication(tmp_path)


def change(**values: pl.Expr) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda frame: frame.with_columns(**values)


IS_LAST = (pl.col("user_id") == "u01") & (pl.col("rank") == 4)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (change(rank=pl.when(IS_LAST).then(3).otherwise("rank")), "rows that share user_id 'u01', rank 3"),
        (change(rank=pl.when(IS_LAST).then(5).otherwise("rank")), "gap in 'rank' of user_id 'u01': 1 to 5 in 4 rows"),
        (change(item_id=pl.when(IS_LAST).then(pl.lit("i2")).otherwise("item_id")), "share user_id 'u01', item_id 'i2'"),
        (
            change(score=pl.when(IS_LAST).then(float("nan")).otherwise("score")),
            "nan in 'score', which must be a finite",
        ),
        (change(rank=pl.col("rank") - 1), "has 0 in 'rank', which must be in \\[1, ∞\\)"),
        (
            change(title=pl.when(IS_LAST).then(None).otherwise("title")),
            "'title' of table 'recommendations' is null in 1",
        ),
        (change(score=pl.lit("high")), "don't fit the contract"),
        (change(catalog=pl.lit("books")), "name catalog 'books'"),
        (lambda frame: frame.drop("reason"), "lack column 'reason'"),
    ],
)
def test_bad_rows_are_refused_and_the_last_publication_stands(
    tmp_path: Path, fault: Callable[[pl.DataFrame], pl.DataFrame], message: str
) -> None:
    publish_all(tmp_path, "r0")
    before = snapshot(tmp_path)
    with pytest.raises(PublicationError, match=message):
        publish(tmp_path, only(fault(recommendations())), facts=facts("r1", night=1))
    assert snapshot(tmp_path) == before


def test_failure_of_the_source_is_told_as_it_is(tmp_path: Path) -> None:
    def frames() -> Iterator[pl.DataFrame]:
        yield recommendations()
        raise RuntimeError("the shard is gone")

    with pytest.raises(RuntimeError, match="the shard is gone"):
        publish(tmp_path, [TableRows("recommendations", "news", frames())], facts=facts())
    assert list_publications(tmp_path) == []


@pytest.mark.parametrize("rows", [only(recommendations()) * 2, [TableRows("recomendations", "news", [])]])
def test_unknown_or_repeated_table_is_refused(tmp_path: Path, rows: list[TableRows]) -> None:
    with pytest.raises(PublicationError, match="are given twice or are not part of run 'r1'"):
        publish(tmp_path, rows, facts=facts())


def test_run_id_must_name_a_folder(tmp_path: Path) -> None:
    with pytest.raises(PublicationError, match="can't name a folder"):
        publish(tmp_path, [], facts=facts("../elsewhere"))


def damage_byte(publication: Publication) -> None:
    path = publication.files("recommendations")[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def remove_file(publication: Publication) -> None:
    publication.files("labels")[0].unlink()


def add_file(publication: Publication) -> None:
    path = publication.files("labels")[0]
    path.with_name("extra.parquet").write_bytes(path.read_bytes())


def drop_table(publication: Publication) -> None:
    path = publication.published / "runs" / publication.publication_id / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    del manifest["tables"]["labels"]
    path.write_text(json.dumps(manifest), encoding="utf-8")


def replace_schema(publication: Publication) -> None:
    """A file of another schema whose checksum the manifest states."""
    entry = publication.entries("metrics")[0]
    path = publication.published / entry.path
    pq.write_table(pq.ParquetFile(path).read().drop_columns(["value"]), path)
    manifest_path = publication.published / "runs" / publication.publication_id / "manifest.json"
    manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
    manifest["tables"]["metrics"]["files"][0] |= {
        "bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }  # fmt: skip
    manifest_path.write_text(json.dumps(manifest), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_byte, "has changed since it was published"),
        (remove_file, "lacks file 'news-r1-00000.parquet'"),
        (add_file, "has file 'extra.parquet' .* that the manifest does not list"),
        (drop_table, "does not list table 'labels'"),
        (replace_schema, "'value' is absent, should be double"),
    ],
)
def test_damage_is_found(tmp_path: Path, damage: Callable[[Publication], None], message: str) -> None:
    publication = publish_all(tmp_path)
    verify(publication)
    damage(publication)
    with pytest.raises(PublicationError, match=message):
        verify_publication(tmp_path, "r1")


def test_changed_manifest_is_found(tmp_path: Path) -> None:
    drop_table(publish_all(tmp_path))
    with pytest.raises(PublicationError, match="manifest of 'r1' has changed"):
        resolve_latest(tmp_path)


def test_damaged_publication_does_not_stop_the_next(tmp_path: Path) -> None:
    publish_all(tmp_path, "r1")
    (tmp_path / "runs" / "r1" / "manifest.json").write_text("{", encoding="utf-8")
    (tmp_path / "latest.json").write_text("", encoding="utf-8")
    with pytest.raises(PublicationError, match="is not JSON"):
        resolve_latest(tmp_path)
    publish_all(tmp_path, "r2", night=1)
    verify_publication(tmp_path)
    with pytest.raises(PublicationError, match="is not JSON"):
        verify_publication(tmp_path, "r1")


def test_all_faults_of_a_publication_are_found(tmp_path: Path) -> None:
    publication = publish(tmp_path, rows_of_all_tables(), facts=facts())
    publication.files("labels")[0].unlink()
    publication.files("metrics")[0].write_bytes(b"no Parquet")
    found = [(fault.check, fault.message) for fault in find_faults(publication)]
    assert [check for check, _ in found] == ["files", "files", "files"]
    for (_, message), words in zip(found, ["lacks file", "has changed since", "is not Parquet"], strict=True):
        assert words in message


def test_wide_groups_and_file_ends_do_not_hide_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whose rows lie in two files, as in publications of earlier versions, and several batches is still one list."""
    table = replace(TABLES["recommendations"], row_group_rows=3)
    monkeypatch.setattr(row_checks, "BATCH_ROWS", 3)
    frame = recommendations(n_users=4, n_items=10)

    def check(rows: pl.DataFrame, name: str) -> list[tuple[str, str]]:
        (tmp_path / name).mkdir()
        cut = [conform([rows[start : start + 7]], table, catalog="news") for start in range(0, rows.height, 7)]
        files = [
            write_file(batches, table, root=tmp_path, path=f"{name}/{place}.parquet", catalog="news", metadata={})
            for place, batches in enumerate(cut)
        ]
        assert len(files) > 4
        return [(one.check, one.message) for one in check_rows(table, "news", [tmp_path / one.path for one in files])]

    assert check(frame, "whole") == []
    gap = check(frame.filter((pl.col("user_id") != "u02") | (pl.col("rank") != 6)), "gap")
    assert [(name, "gap in 'rank' of user_id 'u02': 1 to 10 in 9 rows" in message) for name, message in gap] == [
        ("ranks", True)
    ]
    item = pl.when((pl.col("user_id") == "u01") & (pl.col("rank") == 10)).then(pl.lit("i2")).otherwise("item_id")
    ((name, message),) = check(frame.with_columns(item_id=item), "twice")
    assert (name, "share user_id 'u01', item_id 'i2' (2 rows in all)" in message) == ("keys", True)
