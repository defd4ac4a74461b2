"""Tables whose schema has had a new major version, published beside the current one until a stated day. None today.

When a column of a table is removed or retyped, the table as it was goes into OLDER, with a function that makes its rows from
rows of the current version:

    OLDER = (OlderTable(ITEM_GROUPS_1, published_until=date(2027, 6, 30), convert=lambda rows: rows.with_columns(…)),)

`publish` then writes `<table>/v1/run=<id>/` too, from the sorted files of the current version; the manifest, latest.json
and docs/contract.md tell of it, verification and retention see to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.publication.tables import Table

CONVERTED_ROWS = 50_000


@dataclass(frozen=True)
class OlderTable:
    """A table as an earlier major version had it; convert makes its rows from a frame of the current version's."""

    table: Table
    published_until: date
    convert: Callable[[pl.DataFrame], pl.DataFrame]


OLDER: tuple[OlderTable, ...] = ()


def due_older(name: str, day: date) -> list[OlderTable]:
    """The older versions of a table that are still published on that day."""
    return [one for one in OLDER if one.table.name == name and day <= one.published_until]


def find_older(name: str, version_folder: str) -> Table | None:
    """The declaration of an older version, or None if there is none any more."""
    found = [one.table for one in OLDER if (one.table.name, one.table.version_folder) == (name, version_folder)]
    return found[0] if found else None


def convert_files(files: Sequence[Path], older: OlderTable) -> Iterator[pl.DataFrame]:
    """The rows of the current version's files as those of the older one. Memory O(batch)."""
    for path in files:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=CONVERTED_ROWS):
                yield older.convert(pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch]))))
