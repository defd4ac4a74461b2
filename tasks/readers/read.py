"""Reads one source of a catalog in batches: picks the format's reader, makes the plan, normalises the rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TypeAlias

from tasks.contracts.catalog import Format, Kind, SourceConfig
from tasks.contracts.errors import SourceError
from tasks.readers import (
    amazon_metadata,
    amazon_reviews,
    blocks,
    delimited,
    jsonl,
    mind,
    movielens_100k,
    movielens_csv,
    parquet,
    text_folder,
)
from tasks.readers.columns import Block, batch_blocks, is_columnar
from tasks.readers.locate import naming_damage
from tasks.readers.normalise import batch_rows as to_batches
from tasks.readers.plan import Layout, Plan, make_plan
from tasks.readers.rows import Batch, RawRow

RowReader: TypeAlias = Callable[[SourceConfig, Plan], Iterator[RawRow]]
BlockReader: TypeAlias = Callable[[SourceConfig, Plan], Iterator[Block | RawRow]]

# A format without layouts reads any kind, and takes all its columns from the catalog.
FORMATS: Mapping[Format, tuple[RowReader, Mapping[Kind, Layout] | None]] = {
    "csv": (delimited.read_rows, None),
    "jsonl": (jsonl.read_rows, None),
    "parquet": (parquet.read_rows, None),
    "text-folder": (text_folder.read_rows, text_folder.LAYOUTS),
    "movielens-100k": (movielens_100k.read_rows, movielens_100k.LAYOUTS),
    "movielens-csv": (movielens_csv.read_rows, movielens_csv.LAYOUTS),
    "mind": (mind.read_rows, mind.LAYOUTS),
    "amazon-metadata": (amazon_metadata.read_rows, amazon_metadata.LAYOUTS),
    "amazon-reviews": (amazon_reviews.read_rows, amazon_reviews.LAYOUTS),
}

# Interactions come by the million: these formats hand them over by the column.
BLOCK_FORMATS: Mapping[Format, BlockReader] = {"csv": blocks.read_blocks, "parquet": parquet.read_blocks}


def read_batches(
    source: SourceConfig, kind: Kind, *, events: Collection[str] = (), batch_rows: int = 5000
) -> Iterator[Batch]:
    """Stream a source as batches of canonical records and bad rows, `batch_rows` raw rows at most; memory holds one batch.

    events are the event names that the catalog declares; with none, any event passes. The raw rows are the sum of
    records and bad rows. Raises SourceError at once when the mapping can't be right, and on reading when the file is
    absent, damaged, or lacks a column that the catalog names.
    """
    if batch_rows < 1:
        raise SourceError(f"batch_rows is {batch_rows}; a batch needs at least 1 row")
    read_rows, layouts = FORMATS[source.format]
    if layouts is not None and kind not in layouts:
        raise SourceError(f"format {source.format!r} holds no {kind}; it holds {', '.join(layouts)}")
    plan = make_plan(source, kind, layout=layouts[kind] if layouts else None, events=events)
    read_columns = BLOCK_FORMATS.get(source.format) if is_columnar(plan) else None
    if read_columns is not None:
        return _read_columns(source, plan, read_columns, size=batch_rows)
    return _read(source, plan, read_rows, size=batch_rows)


def _read(source: SourceConfig, plan: Plan, read_rows: RowReader, *, size: int) -> Iterator[Batch]:
    with naming_damage(source):
        yield from to_batches(read_rows(source, plan), plan, size=size)


def _read_columns(source: SourceConfig, plan: Plan, read_blocks: BlockReader, *, size: int) -> Iterator[Batch]:
    with naming_damage(source):
        yield from batch_blocks(read_blocks(source, plan), plan, size=size)
