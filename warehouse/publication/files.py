"""Writes one table of one catalog as sorted Parquet, from a stream of frames in any order.

DuckDB sorts, on disk when the rows do not fit its memory limit, so that a million users fit; rows that lie in order
already, as shards of lists do, are only passed on, which takes less than half the time. A file ends where a user (or
whatever the table is first sorted by) ends. pyarrow writes, because it keeps nullability, descriptions and metadata as
the contract states them.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from warehouse.errors import PublicationError
from warehouse.publication.tables import Table
from warehouse.shards import sync_file

ROWS_PER_FILE = 500_000
"""Some 25,000 users of 20 items: a reader who looks one up reads a footer of 50 row groups, and files can be made side by side."""

FILES_AT_ONCE = 2
"""Files that are written side by side: compressing takes longer than reading what is compressed."""


@dataclass(frozen=True)
class PublishedFile:
    """One Parquet file; path is relative to the published folder, with forward slashes.

    first and last are the lowest and highest value of the table's first sort column, so that a reader who looks one value
    up opens one file; null in a file without rows, and in what was published before manifests had them.
    """

    path: str
    catalog: str
    rows: int
    bytes: int
    sha256: str
    first: str | None = None
    last: str | None = None


def write_table(
    frames: Iterable[pl.DataFrame],
    table: Table,
    *,
    root: Path,
    folder: str,
    stem: str,
    catalog: str,
    metadata: Mapping[str, str],
    memory_limit_mb: int,
    is_ordered: bool = False,
    rows_per_file: int = ROWS_PER_FILE,
) -> list[PublishedFile]:
    """Write the frames of one catalog to `<root>/<folder>/<stem>-00000.parquet` and on; without rows, one empty file.

    is_ordered: the rows come in the order of table.sorted_by and are not sorted again; verification finds it if they do not.
    Columns that the contract does not name are left out. Raises PublicationError for a missing column, a value of another
    type, a null where none may be, or a row of another catalog. Memory: the rows of FILES_AT_ONCE files, and what sorts.
    """
    (root / folder).mkdir(parents=True, exist_ok=True)
    if is_ordered:
        batches = conform(frames, table, catalog=catalog)
    else:
        batches = _sort(frames, table, catalog=catalog, scratch=root / "tmp", memory_limit_mb=memory_limit_mb)
    written: list[PublishedFile] = []
    running: deque[Future[PublishedFile]] = deque()
    with ThreadPoolExecutor(FILES_AT_ONCE, thread_name_prefix="published") as writers:
        for number, of_file in enumerate(split_files(batches, table.sorted_by[0], rows_per_file)):
            relative, rows = file_name(folder, stem, number), list(of_file)
            running.append(
                writers.submit(write_file, rows, table, root=root, path=relative, catalog=catalog, metadata=metadata)
            )
            if len(running) == FILES_AT_ONCE:
                written.append(running.popleft().result())
        written += [one.result() for one in running]
    if not written:
        empty = file_name(folder, stem, 0)
        written.append(write_file((), table, root=root, path=empty, catalog=catalog, metadata=metadata))
    return written


def file_name(folder: str, stem: str, number: int) -> str:
    """The path of a table's file, relative to the published folder."""
    return f"{folder}/{stem}-{number:05d}.parquet"


def write_file(
    batches: Iterable[pa.Table], table: Table, *, root: Path, path: str, catalog: str, metadata: Mapping[str, str]
) -> PublishedFile:
    """Write `<root>/<path>` of rows that are in order and of the contract's types, in batches of whatever size."""
    rows, ends = 0, []
    with _open_writer(root / path, table, metadata) as writer:
        for batch in _regroup(batches, table):
            writer.write_table(batch, row_group_size=table.row_group_rows)
            lead = batch.column(table.sorted_by[0])
            ends += [lead[0].as_py(), lead[-1].as_py()]
            rows += batch.num_rows
    sync_file(root / path)
    n_bytes, digest = measure_file(root / path)
    first, last = (ends[0], ends[-1]) if ends else (None, None)
    return PublishedFile(path, catalog, rows, n_bytes, digest, first, last)


def conform(frames: Iterable[pl.DataFrame], table: Table, *, catalog: str) -> Iterator[pa.Table]:
    """The frames with the contract's columns and types. Raises PublicationError as write_table."""
    return (_conform(frame, table, catalog) for frame in frames)


def split_files(
    batches: Iterable[pa.Table], lead: str, rows_per_file: int = ROWS_PER_FILE
) -> Iterator[Iterator[pa.Table]]:
    """The rows of each file, to be read before the next file's; a batch is cut where a file ends.

    A file takes what is of one value of the column `lead` as a whole, and as many values as rows_per_file rows allow; one
    that has more rows is a file of its own. How the batches lie does not matter. Memory: a batch, and a value's rows.
    """
    source = _whole_values(batches, lead)
    held = next(source, None)

    def of_one() -> Iterator[pa.Table]:
        nonlocal held
        rows = 0
        while held is not None and (end := _fitting(held, lead, rows_per_file - rows, is_first=rows == 0)):
            yield held.slice(0, end)
            rows, held = rows + end, held.slice(end) if end < held.num_rows else next(source, None)

    while held is not None:
        yield of_one()


def measure_file(path: Path) -> tuple[int, str]:
    """Bytes and sha256 of what is on disk."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return path.stat().st_size, digest


def _open_writer(path: Path, table: Table, metadata: Mapping[str, str]) -> pq.ParquetWriter:
    schema = table.schema.with_metadata(
        {"nightjar.table": table.name, "nightjar.schema_version": table.version, **metadata}
    )
    order = pq.SortingColumn.from_ordering(schema, [(name, "ascending") for name in table.sorted_by])
    return pq.ParquetWriter(path, schema, compression="zstd", write_page_index=True, sorting_columns=order)


def _sort(
    frames: Iterable[pl.DataFrame], table: Table, *, catalog: str, scratch: Path, memory_limit_mb: int
) -> Iterator[pa.Table]:
    faults: list[Exception] = []
    incoming = pa.RecordBatchReader.from_batches(_open_schema(table), _conform_all(frames, table, catalog, faults))
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_limit_mb}MB",
        "temp_directory": str(scratch),
    }
    columns, order = (", ".join(f'"{name}"' for name in names) for names in (table.names, table.sorted_by))
    with duckdb.connect(":memory:", config=config) as connection:
        connection.register("incoming", incoming)
        try:
            ordered = connection.sql(f"select {columns} from incoming order by {order}")
            for batch in ordered.to_arrow_reader(table.row_group_rows):
                yield pa.Table.from_batches([batch])
        except duckdb.Error as error:
            # What went wrong in a frame reaches us wrapped by DuckDB: the error itself says more.
            raise faults[0] if faults else PublicationError(f"table {table.name!r} can't be sorted: {error}") from error


def _whole_values(batches: Iterable[pa.Table], lead: str) -> Iterator[pa.Table]:
    """The same rows, in tables that never divide the rows of one value of the column."""
    held: pa.Table | None = None
    for batch in batches:
        if not batch.num_rows:
            continue
        rows = batch if held is None else pa.concat_tables([held, batch])
        start = pc.index(rows.column(lead), rows.column(lead)[-1]).as_py()
        held = rows.slice(start)
        if start:
            yield rows.slice(0, start)
    if held is not None:
        yield held


def _fitting(rows: pa.Table, lead: str, room: int, *, is_first: bool) -> int:
    """How many of the rows, whole values, go into the room; at least one value where the file is empty."""
    if rows.num_rows <= room:
        return int(rows.num_rows)
    if room <= 0:
        return 0
    values = pl.Series(rows.column(lead))
    starts = (values != values.shift(1)).fill_null(value=True).arg_true().to_list()
    fitting = [start for start in (*starts[1:], rows.num_rows) if start <= room]
    if fitting or not is_first:
        return fitting[-1] if fitting else 0
    return int(starts[1]) if len(starts) > 1 else int(rows.num_rows)


def _regroup(batches: Iterable[pa.Table], table: Table) -> Iterator[pa.Table]:
    """Tables of row_group_rows each, the last one shorter, so that the same rows always make the same bytes."""
    n_rows = table.row_group_rows
    held = pa.Table.from_batches([], schema=_open_schema(table))
    for batch in batches:
        held = pa.concat_tables([held, batch])
        while held.num_rows >= n_rows:
            yield held.slice(0, n_rows).combine_chunks().cast(table.schema)
            held = held.slice(n_rows)
    if held.num_rows:
        yield held.combine_chunks().cast(table.schema)


def _conform_all(
    frames: Iterable[pl.DataFrame], table: Table, catalog: str, faults: list[Exception]
) -> Iterator[pa.RecordBatch]:
    try:
        for frame in frames:
            yield from _conform(frame, table, catalog).to_batches()
    except Exception as error:
        faults.append(error)
        raise


def _conform(frame: pl.DataFrame, table: Table, catalog: str) -> pa.Table:
    missing = [name for name in table.names if name not in frame.columns]
    if missing:
        raise PublicationError(f"rows for table {table.name!r} lack column {missing[0]!r}; they have {frame.columns}")
    for column in table.columns:
        n_null = 0 if column.nullable else frame[column.name].null_count()
        if n_null:
            raise PublicationError(
                f"column {column.name!r} of table {table.name!r} is null in {n_null} rows of catalog {catalog!r}; "
                "the contract allows none: fill it where it is made"
            )
    strangers = frame.filter(pl.col("catalog") != catalog)
    if strangers.height:
        raise PublicationError(
            f"rows for catalog {catalog!r} of table {table.name!r} name catalog {strangers['catalog'][0]!r}; "
            "publish each catalog's rows under its own name"
        )
    try:
        # The oldest form of texts is the contract's but for the width of its offsets: nothing is copied letter by letter.
        texts = pl.CompatLevel.oldest()
        return frame.select(table.names).to_arrow(compat_level=texts).cast(_open_schema(table))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise PublicationError(f"rows for table {table.name!r} don't fit the contract: {error}") from error


def _open_schema(table: Table) -> pa.Schema:
    """The types while DuckDB sorts: all nullable, and times naive, for it needs an extension to know time zones."""
    return pa.schema(
        pa.field(column.name, pa.timestamp("us") if pa.types.is_timestamp(column.type) else column.type)
        for column in table.columns
    )
