"""Reads Parquet files, some rows at a time and only the columns that are asked for."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.contracts.catalog import SourceConfig
from tasks.readers.locate import Member, open_members
from tasks.readers.plan import Plan, check_columns
from tasks.readers.rows import RawRow

SUFFIXES = (".parquet", ".pq")
ROWS_AT_ONCE = 1000


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


def _to_rows(batch: Any) -> list[dict[str, Any]]:
    """The rows as Python values; times are cut to microseconds, which is what Python and the warehouse hold."""
    columns = [_in_microseconds(column) for column in batch.columns]
    return list(pa.RecordBatch.from_arrays(columns, names=batch.schema.names).to_pylist())


def _in_microseconds(column: Any) -> Any:
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
    return column


def _seekable(stream: IO[bytes]) -> IO[bytes]:
    """The stream, or a temporary file with its bytes: Parquet is read from its end, which a zip's members can't do."""
    if isinstance(stream, io.BufferedReader):
        return stream
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    shutil.copyfileobj(stream, copy)
    copy.seek(0)
    return copy
