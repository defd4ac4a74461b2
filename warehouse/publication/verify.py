"""Re-reads a publication and holds it to its manifest and to the contract. Reads only; memory O(row group).

Each file must be there with its size, checksum, rows and schema, and no other Parquet file beside it. Each catalog's
rows must be sorted, without nulls where none may be, finite, in range, unique by each key, and ranked without gaps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.errors import PublicationError
from warehouse.publication.files import PublishedFile, describe_file
from warehouse.publication.manifest import Publication, table_folder
from warehouse.publication.tables import SCHEMA_VERSION, TABLES, Column, Table


def verify(publication: Publication) -> None:
    """Raises PublicationError that names the table, the file and what is wrong with it."""
    version = publication.manifest["schema_version"]
    if version.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise PublicationError(
            f"publication {publication.publication_id!r} has schema version {version}, this Nightjar checks "
            f"{SCHEMA_VERSION}; verify it with the Nightjar version that wrote it"
        )
    for table in TABLES.values():
        if table.name not in publication.manifest["tables"]:
            raise PublicationError(f"the manifest does not list table {table.name!r}; publish again")
        entries = publication.entries(table.name)
        _check_names(publication, table, entries)
        for entry in entries:
            _check_file(publication.published, table, entry)
        for catalog in sorted({entry.catalog for entry in entries}):
            paths = [publication.published / entry.path for entry in entries if entry.catalog == catalog]
            _check_rows(table, catalog, paths)


def _check_names(publication: Publication, table: Table, entries: Sequence[PublishedFile]) -> None:
    folder = publication.published / table_folder(table, publication.publication_id)
    found = {path.name for path in folder.glob("*.parquet")}
    listed = {Path(entry.path).name for entry in entries}
    if missing := sorted(listed - found):
        raise PublicationError(f"table {table.name!r} lacks file {missing[0]!r} in {str(folder)!r}; publish again")
    if extra := sorted(found - listed):
        raise PublicationError(
            f"table {table.name!r} has file {extra[0]!r} in {str(folder)!r} that the manifest does not list; remove it"
        )


def _check_file(published: Path, table: Table, entry: PublishedFile) -> None:
    path = published / entry.path
    actual = describe_file(published, entry.path, catalog=entry.catalog, rows=entry.rows)
    if actual != entry:
        raise PublicationError(
            f"file {str(path)!r} has changed since it was published: {actual.bytes} bytes and sha256 "
            f"{actual.sha256[:12]}…, the manifest says {entry.bytes} and {entry.sha256[:12]}…; publish again"
        )
    try:
        footer = pq.read_metadata(path)
        schema = pq.read_schema(path)
    except pa.ArrowInvalid as error:
        raise PublicationError(f"file {str(path)!r} is not Parquet: {error}") from error
    if footer.num_rows != entry.rows:
        raise PublicationError(f"file {str(path)!r} has {footer.num_rows} rows, the manifest says {entry.rows}")
    if not schema.equals(table.schema):
        raise PublicationError(f"file {str(path)!r} does not have the contract's columns: {_difference(schema, table)}")


def _difference(schema: pa.Schema, table: Table) -> str:
    found = {field.name: f"{field.type}{'' if field.nullable else ' not null'}" for field in schema}
    wanted = {field.name: f"{field.type}{'' if field.nullable else ' not null'}" for field in table.schema}
    names = [name for name in {**wanted, **found} if wanted.get(name) != found.get(name)]
    if not names:
        return "their order differs"
    return f"{names[0]!r} is {found.get(names[0], 'absent')}, should be {wanted.get(names[0], 'absent')}"


def _check_rows(table: Table, catalog: str, paths: Sequence[Path]) -> None:
    lead, last = table.sorted_by[0], None
    for rows in _read_whole_groups(paths, lead):
        where = f"table {table.name!r} of catalog {catalog!r}"
        _check_values(rows, table, where)
        if rows["catalog"].n_unique() > 1 or rows["catalog"][0] != catalog:
            raise PublicationError(f"{where} holds rows of another catalog; publish again")
        if not rows[lead].is_sorted() or (last is not None and rows[lead][0] <= last):
            raise PublicationError(f"{where} is not sorted by {lead!r} near {rows[lead][0]!r}; publish again")
        last = rows[lead][-1]
        for key in table.keys:
            if (twice := rows.select(key).is_duplicated()).any():
                raise PublicationError(f"{where} has rows that share {_show(rows.filter(twice), key)}; publish again")
        if table.ranked_by is not None:
            _check_ranks(rows, lead, table.ranked_by, where)


def _check_ranks(rows: pl.DataFrame, lead: str, rank: str, where: str) -> None:
    lists = rows.group_by(lead, maintain_order=True).agg(
        first=pl.col(rank).min(), last=pl.col(rank).max(), n_rows=pl.len()
    )
    gaps = lists.filter((pl.col("first") != 1) | (pl.col("last") != pl.col("n_rows")))
    if gaps.height:
        raise PublicationError(
            f"{where} has a gap in {rank!r} of {lead} {gaps[lead][0]!r}: {gaps['first'][0]} to {gaps['last'][0]} "
            f"in {gaps['n_rows'][0]} rows; score again"
        )


def _check_values(rows: pl.DataFrame, table: Table, where: str) -> None:
    for column in table.columns:
        values = rows[column.name]
        if not column.nullable and values.null_count():
            raise PublicationError(f"{where} has a null in {column.name!r}, where the contract allows none")
        if values.dtype.is_numeric():
            bad = values.filter(_out_of_bounds(values, column))
            if len(bad):
                bounds = f"in {column.range}" if column.range else "a finite number"
                raise PublicationError(f"{where} has {bad[0]} in {column.name!r}, which must be {bounds}")


def _out_of_bounds(values: pl.Series, column: Column) -> pl.Series:
    is_bad = ~values.is_finite() if values.dtype.is_float() else pl.repeat(False, len(values), eager=True)
    if column.low is not None:
        is_bad = is_bad | (values < column.low)
    if column.high is not None:
        is_bad = is_bad | (values > column.high)
    return is_bad | (values <= column.above) if column.above is not None else is_bad


def _read_whole_groups(paths: Sequence[Path], lead: str) -> Iterator[pl.DataFrame]:
    """The rows in order, in frames that never split the rows of one value of `lead`."""
    carried: pl.DataFrame | None = None
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=50_000):
                frame = _to_polars(pa.Table.from_batches([batch]))
                frame = frame if carried is None else pl.concat([carried, frame])
                is_last = frame[lead] == frame[lead][-1]
                carried = frame.filter(is_last)
                if carried.height < frame.height:
                    yield frame.filter(~is_last)
    if carried is not None and carried.height:
        yield carried


def _to_polars(table: Any) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    if not isinstance(frame, pl.DataFrame):
        raise PublicationError("a Parquet file holds no table")
    return frame


def _show(rows: pl.DataFrame, key: Sequence[str]) -> str:
    return ", ".join(f"{name} {rows[name][0]!r}" for name in key)
