"""Parquet: typed values, only the columns asked for, compressed containers."""

from __future__ import annotations

import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.contracts.errors import SourceError

USER_COLUMNS = {"user_id": "id", "age": "age", "skills": "skills"}


def test_typed_values_become_canonical(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "items.parquet"
    frame = pl.DataFrame(
        {
            "id": [1.0, 2.0],
            "title": ["One", "Two"],
            "price": [Decimal("9.90"), None],
            "day": [date(2026, 2, 3), None],
            "at": pl.Series([datetime(2026, 2, 3, 10, tzinfo=UTC)] * 2, dtype=pl.Datetime("ns", "Europe/Paris")),
        }
    )
    frame.write_parquet(path)
    columns = {"item_id": "id", "title": "title", "price": "price", "published_at": "at"}
    result = read("parquet", path, columns=columns, attributes=["day"])
    assert result.column("item_id") == ["1", "2"]
    assert result.column("price") == [9.9, None]
    assert result.column("published_at") == [datetime(2026, 2, 3, 10, tzinfo=UTC)] * 2
    assert result.column("attributes") == ['{"day": "2026-02-03"}', "{}"]
    assert result.column("line") == [1, 2]


def test_nanoseconds_are_cut_not_refused(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "i.parquet"
    times = pa.array([1_700_000_000_000_000_001], pa.timestamp("ns"))
    pq.write_table(pa.table({"user": ["u"], "item": ["i"], "at": times}), path)
    columns = {"user_id": "user", "item_id": "item", "occurred_at": "at"}
    result = read("parquet", path, "interactions", columns=columns, default_event="view")
    assert result.column("occurred_at") == [datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)]


def test_lists_and_a_zip_are_read(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "users.parquet"
    pl.DataFrame({"id": ["u1"], "age": [40.0], "skills": [["sql", ""]]}).write_parquet(path)
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.write(path, "deep/users.parquet")
    result = read("parquet", tmp_path / "z.zip", "users", columns=USER_COLUMNS)
    assert result.column("skills") == [["sql"]]
    assert result.column("age") == [40]


def test_a_missing_column_is_an_error(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "users.parquet"
    pl.DataFrame({"id": ["u1"], "skill": ["a"]}).write_parquet(path)
    with pytest.raises(SourceError, match=r"no column 'skills'; did you mean 'skill'"):
        read("parquet", path, "users", columns={"user_id": "id", "skills": "skills"})


def test_what_is_no_parquet_is_an_error(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "users.parquet"
    path.write_text("id,name\n")
    with pytest.raises(SourceError, match=r"users\.parquet' can't be read on"):
        read("parquet", path, "users", columns={"user_id": "id"})
