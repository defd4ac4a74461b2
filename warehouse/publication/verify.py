"""Re-reads a publication and holds it to its manifest and to the contract. Reads only; time O(rows), memory O(batch).

Each file must be there with its size, checksum, rows and columns, and no other Parquet file beside it. Each catalog's
rows must be sorted, without nulls where none may be, finite, in range, unique by each key, and ranked without gaps.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.errors import PublicationError
from warehouse.publication.files import PublishedFile, measure_file
from warehouse.publication.manifest import Publication, PublishedTable
from warehouse.publication.older import find_older
from warehouse.publication.row_checks import Fault, check_rows
from warehouse.publication.tables import SCHEMA_VERSION, TABLES, Table, parse_version

HASHING_THREADS = 2


def verify(publication: Publication, *, checked: Collection[str] = ()) -> None:
    """Raises PublicationError that names the table, the file and what is wrong with it. checked: see find_faults."""
    for fault in find_faults(publication, checked=checked):
        raise PublicationError(fault.message)


def find_faults(publication: Publication, *, checked: Collection[str] = ()) -> Iterator[Fault]:
    """All that is wrong with a publication, table by table; nothing if it is whole.

    checked are paths of files whose rows their writer has checked, file by file: of these only what a file by itself can't
    show is looked at, its sum and its place among the others. Raises PublicationError for a publication of a schema that
    this version of Nightjar does not know.
    """
    version = publication.schema_version
    ours, theirs = parse_version(SCHEMA_VERSION), parse_version(version)
    if theirs[0] != ours[0] or theirs[:2] > ours[:2]:
        raise PublicationError(
            f"publication {publication.publication_id!r} has schema version {version}, this Nightjar checks "
            f"{SCHEMA_VERSION}; verify it with the Nightjar version that wrote it"
        )
    for table in TABLES.values():
        if table.name not in publication.manifest["tables"]:
            yield Fault("files", f"the manifest does not list table {table.name!r}; publish again")
            continue
        yield from _check_table(publication, publication.table(table.name), table.at(version), checked)
        for older in publication.older_tables(table.name):
            # Without its declaration (its time is over) an older version is held to its sums only.
            yield from _check_table(publication, older, find_older(table.name, older.version_folder))


def _check_table(
    publication: Publication, published: PublishedTable, table: Table | None, checked: Collection[str] = ()
) -> Iterator[Fault]:
    broken: set[str] = set()
    for fault, path in _check_files(publication.published, published):
        broken.add(path)
        yield fault
    if table is None:
        return
    sound = [entry for entry in published.files if entry.path not in broken]
    for catalog in sorted({entry.catalog for entry in sound}):
        entries = [entry for entry in sound if entry.catalog == catalog]
        if entries and all(entry.path in checked for entry in entries):
            yield from _check_borders(table, catalog, entries)
            continue
        yield from _check_catalog(publication.published, table, catalog, entries)


def _check_files(published: Path, table: PublishedTable) -> Iterator[tuple[Fault, str]]:
    """Faults of names, sizes, sums and footers, each with the file that can't be read any further (or "")."""
    folder = published / table.folder
    found = {path.name for path in folder.glob("*.parquet")}
    listed = {Path(entry.path).name: entry for entry in table.files}
    for name in sorted(listed.keys() - found):
        message = f"table {table.name!r} lacks file {name!r} in {str(folder)!r}; publish again"
        yield Fault("files", message), listed[name].path
    for name in sorted(found - listed.keys()):
        message = (
            f"table {table.name!r} has file {name!r} in {str(folder)!r} that the manifest does not list; remove it"
        )
        yield Fault("files", message), ""
    there = [entry for name, entry in listed.items() if name in found]
    with ThreadPoolExecutor(HASHING_THREADS) as pool:
        sums = pool.map(lambda entry: measure_file(published / entry.path), there)
        for entry, (n_bytes, digest) in zip(there, sums, strict=True):
            yield from _check_file(published / entry.path, entry, n_bytes, digest)


def _check_file(path: Path, entry: PublishedFile, n_bytes: int, digest: str) -> Iterator[tuple[Fault, str]]:
    if (n_bytes, digest) != (entry.bytes, entry.sha256):
        message = (
            f"file {str(path)!r} has changed since it was published: {n_bytes} bytes and sha256 {digest[:12]}…, "
            f"the manifest says {entry.bytes} and {entry.sha256[:12]}…; publish again"
        )
        # Its rows may still be read: what has changed in them is what one wants to know.
        yield Fault("files", message), ""
    try:
        n_rows = pq.read_metadata(path).num_rows
    except (pa.ArrowInvalid, OSError) as error:
        yield Fault("files", f"file {str(path)!r} is not Parquet: {error}"), entry.path
        return
    if n_rows != entry.rows:
        yield Fault("files", f"file {str(path)!r} has {n_rows} rows, the manifest says {entry.rows}"), ""


def _check_borders(table: Table, catalog: str, entries: Sequence[PublishedFile]) -> Iterator[Fault]:
    """Whether files that are each in order follow one another, none ending with what the next begins with."""
    for before, after in pairwise(entry for entry in entries if entry.rows):
        if before.last is None or after.first is None or before.last >= after.first:
            where, lead = f"table {table.name!r} of catalog {catalog!r}", table.sorted_by[0]
            yield Fault("order", f"{where} is not sorted by {lead!r} near {after.first!r}; publish again")


def _check_catalog(published: Path, table: Table, catalog: str, entries: Sequence[PublishedFile]) -> Iterator[Fault]:
    names = set(table.names)
    for entry in entries:
        schema = pq.read_schema(published / entry.path)
        if not schema.equals(table.schema):
            told = "; ".join(_differences(schema, table))
            yield Fault("columns", f"file {str(published / entry.path)!r} does not have the contract's columns: {told}")
        names &= {name for name in schema.names if _has_type(schema, name, table)}
    # What is there with its type is checked all the same, so that one message tells all.
    present = replace(table, columns=tuple(column for column in table.columns if column.name in names))
    try:
        yield from check_rows(present, catalog, [published / entry.path for entry in entries])
    except (pa.ArrowInvalid, OSError) as error:
        message = f"table {table.name!r} of catalog {catalog!r} can't be read: {error}; publish again"
        yield Fault("files", message)


def _has_type(schema: pa.Schema, name: str, table: Table) -> bool:
    return name in table.names and bool(schema.field(name).type.equals(table.schema.field(name).type))


def _differences(schema: pa.Schema, table: Table) -> list[str]:
    found = {field.name: f"{field.type}{'' if field.nullable else ' not null'}" for field in schema}
    wanted = {field.name: f"{field.type}{'' if field.nullable else ' not null'}" for field in table.schema}
    names = [name for name in {**wanted, **found} if wanted.get(name) != found.get(name)]
    if not names:
        return ["their order differs"]
    return [f"{name!r} is {found.get(name, 'absent')}, should be {wanted.get(name, 'absent')}" for name in names]
