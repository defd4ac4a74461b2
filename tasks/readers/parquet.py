"""Reads Parquet files, some rows at a time and only the columns that are asked for."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO, Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.contracts.catalog import SourceConfig
from tasks.readers.columns import Block
from tasks.readers.locate import Member, open_members
from tasks.readers.plan import Plan, check_columns
from tasks.readers.rows import RawRow, Unreadable

SUFFIXES = (".parquet", ".pq")
ROWS_AT_ONCE = 1000
BLOCK_ROWS = 65_536
# The years 1 to 9999, in days since 1970.
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
_COMMON = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_integer,
    pa.types.is_float32,
    pa.types.is_float64,
    pa.types.is_null,
)


def read_rows(source: SourceConfig, plan: Plan) -> Iterator[RawRow]:
    """Rows of every file of the source; line is the row's number in its file."""
    for member in open_members(source, suffixes=SUFFIXES):
        with member.open() as stream, _seekable(stream) as file:
            yield from _read_file(file, member, plan)


def _read_file(file: IO[bytes], member: Member, plan: Plan) -> Iterator[RawRow]:
    with pq.ParquetFile(file) as table:
        check_columns(plan.asked, table.schema_arrow.names, file=member.name)
        number = 0
        for batch in table.iter_batches(batch_size=ROWS_AT_ONCE, columns=list(plan.wanted), use_threads=False):
            for values in _to_rows(batch):
                number += 1
                yield RawRow(member.name, number, values)


def read_blocks(source: SourceConfig, plan: Plan) -> Iterator[Block | RawRow]:
    """The same as blocks of some ten thousand rows."""
    for member in open_members(source, suffixes=SUFFIXES):
        with member.open() as stream, _seekable(stream) as file, pq.ParquetFile(file) as table:
            check_columns(plan.asked, table.schema_arrow.names, file=member.name)
            number = 1
            for batch in table.iter_batches(batch_size=BLOCK_ROWS, columns=list(plan.wanted)):
                if _is_sound(batch):
                    yield _to_block(batch, member.name, number)
                else:
                    for line, values in enumerate(_to_rows(batch), start=number):
                        yield RawRow(member.name, line, values)
                number += batch.num_rows


def _is_sound(batch: Any) -> bool:
    """Whether Polars may be given the batch: of types that it converts, every text UTF-8, every day one of the calendar.

    A file may only claim it, and Polars takes its word.
    """
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return all(_is_common(column) for column in batch.columns)


def _is_common(column: Any) -> bool:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_date32(kind):
        days = pc.min_max(column.cast(pa.int32())).as_py()
        return days["min"] is None or bool(days["min"] >= FIRST_DAY and days["max"] <= LAST_DAY)
    if pa.types.is_timestamp(kind):
        return kind.tz in (None, "UTC", "+00:00") and _in_microseconds(column).type.unit == "us"
    return any(is_kind(kind) for is_kind in _COMMON)


def _to_block(batch: Any, file: str, number: int) -> Block:
    columns = [_in_microseconds(column) for column in batch.columns]
    frame = pl.DataFrame(pl.from_arrow(pa.Table.from_arrays(columns, names=batch.schema.names)))
    frame = frame.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))

    def rows(chosen: Sequence[int]) -> list[RawRow]:
        found = _to_rows(batch.take(pa.array(chosen, pa.int64())))
        return [RawRow(file, number + index, values) for index, values in zip(chosen, found, strict=True)]

    return Block(file, number, frame, rows)


def _to_rows(batch: Any) -> list[dict[str, Any]]:
    """The rows as Python values; times are cut to microseconds, which is what Python and the warehouse hold."""
    columns = [_in_microseconds(column) for column in batch.columns]
    cut = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
    try:
        return list(cut.to_pylist())
    except (ValueError, OverflowError, LookupError):
        # One value that Python has no word for, such as a date of the year 20000; its row alone is to suffer for it.
        named = list(zip(cut.schema.names, columns, strict=True))
        return [{name: _to_value(column[row]) for name, column in named} for row in range(len(cut))]


def _to_value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except (ValueError, OverflowError, LookupError) as error:
        return Unreadable(f"{scalar.type} that can't be read: {error}")


def _in_microseconds(column: Any) -> Any:
    if pa.types.is_timestamp(column.type):
        try:
            return column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
        except pa.ArrowInvalid:
            # A time so far off that microseconds can't count it; the rows say which.
            return column
    return column


def _seekable(stream: IO[bytes]) -> IO[bytes]:
    """The stream, or a temporary file with its bytes: Parquet is read from its end, which a zip's members can't do."""
    if isinstance(stream, io.BufferedReader) and stream.seekable():
        return stream
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    shutil.copyfileobj(stream, copy)
    copy.seek(0)
    return copy
