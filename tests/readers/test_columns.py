"""Interactions by the column: the same records, reasons, lines and raw rows as row by row, whatever the file holds."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contracts.catalog import SourceConfig
from tasks.readers import BadRow, Batch, blocks, delimited, parquet, read_batches
from tasks.readers.columns import Block
from tasks.readers.normalise import batch_rows
from tasks.readers.plan import Plan, make_plan

COLUMNS = {"user_id": "user", "item_id": "item", "event": "event", "value": "value", "occurred_at": "at"}
HEADER = "user,item,event,value,at"
PLAIN = ["u1,i1,click,1.5,2026-01-02T03:04:05", "u2,i2,,,", '"u3","i,3",skip,"2",2026-01-02T03:04:05']
ODD_LINES = [
    "", "u1", "u1,i1,click,1,2026-01-02,", "u1,i1,click,1,2026-01-02,more", '"u1,i1,click,1,', 'u"1,i1,click,1,', "u1\r,i1,click,1,",
    '"u""1",i1,click,1,', '"u\n1",i1,click,1,', "u\x001,i1,click,1,", "\ufeffu1,i1,click,1,", "ü,ö,click,1,", "u1,i1,click,1,\r",
]  # fmt: skip
FIELDS = {
    "user": ["u1", " u2", "", "u\u200b", "u\u00a0", "7.0", "\u3000u", "用户"],
    "item": ["i1", "i 2", "i3\t", ""],
    "event": ["click", "skip", "  click ", "teleport", "", "look"],
    "value": ["1", "-1.5", ".5", "1.", "1e3", "1e400", "nan", "inf", "$1,299.00", " 2", "x", "", "1_0", "0x1", "\u0661"],
    "at": [
        "2026-01-02T03:04:05", "2026-01-02 03:04:05", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05+00:00", "2026-01-02",
        "2026-02-30", "2026-01-02T24:00:00", "2026-01-02T03:04:60", "0000-01-02", "1767323045", "1767323045123",
        "1767323045123456", "99999999", "9999999999999999", "99999999999999", "8000000000001", "20260102", "2026",
        "2026-01-02T03:04:05.25", "2026-01-02T03:04:05+02:00", "11/12/2019 2:14:46 PM", "x", " ", "",
    ],
}  # fmt: skip

LINES = st.lists(
    st.one_of(
        st.sampled_from(PLAIN), st.sampled_from(ODD_LINES), st.tuples(*(st.sampled_from(one) for one in FIELDS.values())).map(",".join)
    ),
    max_size=12,
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def small_blocks() -> Iterator[None]:
    """Blocks of a few lines, so that every test crosses their ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_BYTES", 150)
        patch.setattr(blocks, "PIECE_BYTES", 60)
        patch.setattr(parquet, "BLOCK_ROWS", 3)
        yield


def config(path: Path, **more: Any) -> SourceConfig:
    return SourceConfig.model_validate({
        "format": "csv", "path": str(path), "columns": COLUMNS, "events": {"look": "view"}, "required": ["user_id"], **more
    })  # fmt: skip


def row_by_row(source: SourceConfig) -> tuple[list[Any], list[BadRow]]:
    plan = plan_of(source)
    reader = parquet if source.format == "parquet" else delimited
    return joined(batch_rows(reader.read_rows(source, plan), plan, size=5))


def plan_of(source: SourceConfig) -> Plan:
    return make_plan(source, "interactions", layout=None, events=["click", "skip", "view"])


def by_column(source: SourceConfig) -> tuple[list[Any], list[BadRow]]:
    return joined(read_batches(source, "interactions", events=["click", "skip", "view"], batch_rows=4))


def joined(batches: Iterator[Batch]) -> tuple[list[Any], list[BadRow]]:
    found = list(batches)
    return [row for batch in found for row in batch.records.rows()], [row for batch in found for row in batch.bad]


@settings(max_examples=250, deadline=None)
@given(
    rows=LINES, end=st.sampled_from(["\n", "\r\n"]), is_ended=st.booleans(), has_header=st.booleans(), has_quotes=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]), read_as=st.sampled_from(["", "latin-1"]),
)  # fmt: skip
def test_text_by_the_column_is_text_by_the_row(
    rows: list[str], end: str, is_ended: bool, has_header: bool, has_quotes: bool, encoding: str, read_as: str
) -> None:
    text = end.join([HEADER if has_header else PLAIN[0], *rows]) + (end if is_ended else "")
    columns = COLUMNS if has_header else dict(zip(COLUMNS, "01234", strict=True))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.csv"
        path.write_bytes(text.encode(encoding, "replace"))
        stated = read_as if read_as and encoding in ("utf-8", "cp1252") else encoding
        source = config(path, columns=columns, has_header=has_header, has_quotes=has_quotes, encoding=stated)
        assert by_column(source) == row_by_row(source)


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=400))
def test_bytes_of_any_kind_by_the_column_are_those_by_the_row(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.csv"
        path.write_bytes(HEADER.encode() + b"\n" + content)
        assert by_column(config(path)) == row_by_row(config(path))


@pytest.mark.parametrize(
    "columns",
    [
        {"value": [1, 2**60 + 1, None, -3]},
        {"value": pl.Series([1.5, float("nan"), float("inf"), None], dtype=pl.Float32)},
        {"value": [True, False, None, True]},
        {"user": [1, None, 3, 4]},
        {"user": [1.0, 2.5, None, 4.0]},
        {
            "at": [
                datetime(2026, 1, 2, 3, tzinfo=UTC),
                None,
                datetime(1900, 1, 1, tzinfo=UTC),
                datetime(2026, 1, 2, tzinfo=UTC),
            ]
        },
        {"at": pl.Series([date(2026, 1, 2), None, date(1, 1, 1), date(2026, 2, 3)])},
        {"at": [1767323045, 1767323045123, 99, None]},
        {"at": [1767323045123456, 9999999999999999, 1767323045.5, None]},
        {"event": pl.Series(["click", "skip", None, "look"], dtype=pl.Categorical)},
        {"user": [" u1", "u2", "", "u\x85"]},
    ],
)
def test_parquet_by_the_column_is_parquet_by_the_row(tmp_path: Path, columns: dict[str, Any]) -> None:
    plain = {
        "user": ["u1"] * 4,
        "item": ["i1"] * 4,
        "event": ["click"] * 4,
        "value": [None] * 4,
        "at": ["2026-01-02"] * 4,
    }
    path = tmp_path / "events.parquet"
    pl.DataFrame({**plain, **columns}, strict=False).write_parquet(path)
    source = config(path, format="parquet")
    assert by_column(source) == row_by_row(source)


def test_a_fault_costs_the_speed_of_its_piece_only(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    rows = [PLAIN[0]] * 50
    rows[20] = "u1,i1"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    source = config(path)
    found = list(blocks.read_blocks(source, plan_of(source)))
    n_blocks = sum(isinstance(one, Block) for one in found)
    n_rows = sum(not isinstance(one, Block) for one in found)
    assert n_blocks > 5
    assert 1 <= n_rows <= 3
    assert [(row.line, row.reason[:16]) for row in by_column(source)[1]] == [(22, "row has 2 fields")]


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.readers.lines.MAX_LINE", 40)
    path = tmp_path / "events.csv"
    path.write_text(f"{HEADER}\nu1,i1,click,1,\nx{'y' * 1000},i1,click,1,\nu2,i2,click,2,\n")
    records, (bad,) = by_column(config(path))
    assert [record[0] for record in records] == ["u1", "u2"]
    assert "line is longer than 40 characters" in bad.reason
    assert len(bad.raw) <= 40


def test_a_quote_that_never_closes_costs_its_own_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "MAX_FIELD", 300)
    path = tmp_path / "events.csv"
    path.write_text("\n".join([HEADER, '"u0,i1,click,1,', *[PLAIN[0]] * 60]) + "\n")
    assert by_column(config(path)) == row_by_row(config(path))
    assert len(by_column(config(path))[0]) == 60
