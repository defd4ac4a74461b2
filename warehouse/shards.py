"""Shards: what is too big for DuckDB (candidates, features, scores), as Parquet of whole users in a run's folder.

Writes `<runs>/<run_id>/<catalog>/<stage>.partial/shard-00000.parquet` and renames the folder to `<stage>/` when all of
it is on disk: a folder without the suffix is complete. Memory O(one shard).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType

import polars as pl

from warehouse.errors import WarehouseError

PARTIAL = ".partial"
ASKED_BYTES = 1 << 16


class ShardWriter:
    """Writes the shards of one stage; leaving the `with` block without an error makes the folder complete.

        with ShardWriter(runs, "2026-11-01-a", catalog="news", stage="scores") as shards:
            shards.write(frame)
        read_shards(shards.folder)

    A stage that runs again under the same run replaces what it had written. Write at least one frame, if need be an
    empty one, so that readers learn the columns.
    """

    def __init__(self, runs: Path, run_id: str, *, catalog: str, stage: str) -> None:
        self.folder = runs / run_id / catalog / stage
        self.n_rows = 0
        self._partial = self.folder.with_name(stage + PARTIAL)
        self._next = 0

    def __enter__(self) -> ShardWriter:
        shutil.rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir(parents=True)
        return self

    def write(self, frame: pl.DataFrame, *, number: int | None = None) -> Path:
        """Write one shard; number is for shards that are computed out of order. Gives the file's path for now."""
        number = self._next if number is None else number
        path = self.place(number)
        try:
            frame.write_parquet(path, compression="zstd")
        except pl.exceptions.ComputeError:
            _ask_for_room(path)
            raise
        self.adopt(number, n_rows=frame.height)
        return path

    @property
    def n_shards(self) -> int:
        """The number that the next shard gets."""
        return self._next

    def place(self, number: int) -> Path:
        """Where shard `number` belongs for now: a worker's file is put there, and then adopted."""
        return self._partial / f"shard-{number:05d}.parquet"

    def adopt(self, number: int, *, n_rows: int) -> None:
        """Count the file that lies at place(number) as a shard."""
        sync_file(self.place(number))
        self._next = max(self._next, number + 1)
        self.n_rows += n_rows

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            shutil.rmtree(self._partial, ignore_errors=True)
            return
        sync_folder(self._partial)
        shutil.rmtree(self.folder, ignore_errors=True)
        self._partial.rename(self.folder)
        sync_folder(self.folder.parent)


def list_shards(folder: Path) -> list[Path]:
    """The files of a complete folder, in order. Raises WarehouseError if the stage has not completed."""
    if folder.name.endswith(PARTIAL) or not folder.is_dir():
        raise WarehouseError(f"there are no complete shards in {str(folder)!r}; run the stage {folder.name!r} first")
    return sorted(folder.glob("shard-*.parquet"))


def read_shards(folder: Path) -> Iterator[pl.DataFrame]:
    """The shards of a complete folder, one at a time. Raises WarehouseError if the stage has not completed."""
    # Listed at once, so that a missing folder is an error here and not at the first frame.
    return (pl.read_parquet(path) for path in list_shards(folder))


def sweep(runs: Path, keep_run_ids: Collection[str]) -> list[Path]:
    """Remove the folders of other runs, and what a dead process left half written in any; the folders removed.

    The caller holds the run lock, so that no live process is writing.
    """
    if not runs.is_dir():
        return []
    old = [run for run in sorted(runs.iterdir()) if run.is_dir() and run.name not in keep_run_ids]
    torn = [path for run in runs.iterdir() if run not in old for path in sorted(run.glob(f"*/*{PARTIAL}"))]
    for path in [*old, *torn]:
        shutil.rmtree(path)
    return [*old, *torn]


def _ask_for_room(path: Path) -> None:
    """Raise the system's own error where it takes no more of a file: at the end of its room Polars speaks of the format."""
    with path.open("ab") as file:
        file.write(bytes(ASKED_BYTES))
        file.flush()
        os.fsync(file.fileno())


def sync_file(path: Path) -> None:
    """Return when the file's content is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Return when the folder's list of names is on disk."""
    sync_file(path)
