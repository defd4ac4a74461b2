"""What is written as CSV, JSON Lines or Parquet is read back the same, whatever the texts."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.readers.clean import clean_prose

# NUL and halves of surrogate pairs can't be stored; the readers show them escaped, which other tests hold.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60)
ROWS = st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=8)
COLUMNS = {"item_id": "id", "title": "title", "text": "body"}
MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def expect_same(read: Any, format: str, path: Path, rows: Sequence[tuple[str, str, str]], **config: Any) -> None:
    columns = config.pop("columns", COLUMNS)
    names = config.pop("names", ("body", "note"))
    result = read(format, path, columns=columns, attributes=list(names), batch_rows=3, **config)
    assert not result.bad
    kept = [json.loads(text) for text in result.column("attributes")]
    expected = [{k: v for k, v in zip(names, row[1:], strict=True) if v.strip()} for row in rows]
    assert kept == expected
    assert result.column("text") == [clean_prose(row[1]) for row in rows]
    assert result.column("item_id") == [str(index) for index in range(len(rows))]


def numbered(rows: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str, str]]:
    return [(str(index), f"Title {row[0]!r}", row[1], row[2]) for index, row in enumerate(rows)]


@MANY
@given(rows=ROWS, separator=st.sampled_from(",;\t|"), end=st.sampled_from(["\n", "\r\n"]))
def test_csv(read: Any, rows: list[tuple[str, str, str]], separator: str, end: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
            writer.writerows([("id", "title", "body", "note"), *numbered(rows)])
        expect_same(read, "csv", path, rows, separator=separator)


@MANY
@given(rows=ROWS)
def test_csv_without_header(read: Any, rows: list[tuple[str, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows(numbered(rows))
        columns = {"item_id": "0", "title": "1", "text": "2"}
        expect_same(read, "csv", path, rows, columns=columns, names=("2", "3"), has_header=False)


@MANY
@given(rows=ROWS, ascii_only=st.booleans())
def test_jsonl(read: Any, rows: list[tuple[str, str, str]], ascii_only: bool) -> None:
    names = ("id", "title", "body", "note")
    lines = [json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=ascii_only) for row in numbered(rows)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_bytes("\n".join(lines).encode())
        expect_same(read, "jsonl", path, rows)


@MANY
@given(rows=ROWS)
def test_parquet(read: Any, rows: list[tuple[str, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        pl.DataFrame(numbered(rows), schema=["id", "title", "body", "note"], orient="row").write_parquet(path)
        expect_same(read, "parquet", path, rows)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=400), has_quotes=st.booleans())
def test_no_bytes_at_all_break_the_csv_reader(read: Any, content: bytes, has_quotes: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_bytes(b"id,title\n" + content)
        result = read("csv", path, columns={"item_id": "id", "title": "title"}, has_quotes=has_quotes)
        assert all(row.reason for row in result.bad)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_no_bytes_at_all_break_the_jsonl_reader(read: Any, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_bytes(b'{"id": 1, "title": "x"}\n' + content)
        result = read("jsonl", path, columns={"item_id": "id", "title": "title"})
        assert result.column("item_id")[0] == "1"
