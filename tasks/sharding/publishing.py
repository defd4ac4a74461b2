"""The published files of lists, written and checked by workers; the same bytes as written here.

A part is the shards whose rows are in one file, as they lie on disk. What a worker has checked the coordinator believes by
the file's sha256, and looks at the borders between files itself. Time O(rows), memory: the shards of a file.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.contracts.sharding import ShardPool
from tasks.sharding.registry import MadeFile
from warehouse.errors import PublicationError
from warehouse.publication import TABLES
from warehouse.publication.files import PublishedFile, conform, file_name, split_files, write_file
from warehouse.publication.row_checks import check_rows
from warehouse.publication.tables import Table
from warehouse.shards import sync_file

FILE = "file.parquet"


@dataclass(frozen=True)
class PublishingKit:
    """Which table of which catalog; metadata is what its files carry."""

    table: str
    catalog: str
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class PublishingPart:
    """The rows of one file: for each shard its bytes (of a Parquet file), and from which row to which before."""

    shards: Sequence[tuple[NDArray[np.uint8], int, int]]


def publish_file(kit: PublishingKit, part: PublishingPart) -> MadeFile:
    """One published file. Facts: first and last of its first sort column, and what is wrong with its rows."""
    table, scratch = TABLES[kit.table], tempfile.TemporaryDirectory(prefix="nightjar-published-")
    frames = (pl.read_parquet(io.BytesIO(shard.data))[start:end] for shard, start, end in part.shards)
    batches = conform(frames, table, catalog=kit.catalog)
    root = Path(scratch.name)
    made = write_file(batches, table, root=root, path=FILE, catalog=kit.catalog, metadata=kit.metadata)
    faults = [fault.message for fault in check_rows(table, kit.catalog, [root / FILE])]
    return MadeFile(root / FILE, made.rows, {"first": made.first, "last": made.last, "faults": faults}, scratch)


class SpreadFiles:
    """A FileWriter over shards that lie in the table's order: one file a part, made by the workers of a pool."""

    def __init__(self, shards: Sequence[Path], *, pool: ShardPool) -> None:
        self._shards = shards
        self._pool = pool

    def write(
        self, table: Table, *, root: Path, folder: str, stem: str, catalog: str, metadata: Mapping[str, str]
    ) -> list[PublishedFile]:
        """The files in order; without rows an empty one. Raises PublicationError for rows against the contract, or as the pool."""
        (root / folder).mkdir(parents=True, exist_ok=True)
        kit = PublishingKit(table.name, catalog, dict(metadata))
        written: dict[int, PublishedFile] = {}
        for done in self._pool.map("publish", kit, self._parts(table.sorted_by[0]), stage=f"{catalog}/published"):
            for fault in done.facts["faults"]:
                raise PublicationError(fault)
            path = file_name(folder, stem, done.number)
            self._pool.take(done, root / path)
            sync_file(root / path)
            n_bytes, ends = (root / path).stat().st_size, (done.facts["first"], done.facts["last"])
            written[done.number] = PublishedFile(path, catalog, done.n_rows, n_bytes, done.sha256, *ends)
        if not written:
            path = file_name(folder, stem, 0)
            return [write_file((), table, root=root, path=path, catalog=catalog, metadata=metadata)]
        return [written[number] for number in sorted(written)]

    def _parts(self, lead: str) -> Iterator[PublishingPart]:
        numbered = (_read_lead(path, lead, number) for number, path in enumerate(self._shards))
        for of_file in split_files(numbered, lead):
            places = pl.DataFrame(pl.from_arrow(pa.concat_tables(of_file).select(["shard", "row"])))
            slices = places.group_by("shard", maintain_order=True).agg(
                first=pl.col("row").min(), last=pl.col("row").max()
            )
            yield PublishingPart(
                [
                    (np.fromfile(self._shards[number], dtype=np.uint8), first, last + 1)
                    for number, first, last in slices.iter_rows()
                ]
            )


def _read_lead(path: Path, lead: str, number: int) -> pa.Table:
    """The column of a shard, and where each row lies."""
    rows = pq.read_table(path, columns=[lead])
    return rows.append_column("shard", pa.array(np.full(rows.num_rows, number))).append_column(
        "row", pa.array(np.arange(rows.num_rows))
    )
