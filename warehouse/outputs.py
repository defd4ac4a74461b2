"""Folders of shards that stages hand on, with their record: a folder counts when a row of stage_outputs names it.

Writes `<folder>/runs/<run>/<catalog>/<stage>/` through ShardWriter, and stage_outputs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from warehouse.clock import utc_now
from warehouse.connection import Warehouse
from warehouse.errors import WarehouseError
from warehouse.output_files import check_files, describe_files
from warehouse.shards import ShardWriter, list_shards, sweep
from warehouse.statements import note_read

OUTPUT, WROTE = "output/", "wrote/"
"""What is noted, before the stage's name, for those who watch what is read (see warehouse/statements.py)."""


@contextmanager
def stage_output(warehouse: Warehouse, *, run_id: str, catalog: str, stage: str) -> Iterator[ShardWriter]:
    """A writer of shards; leaving the block without an error makes them the stage's output."""
    note_read(f"{WROTE}{stage}")
    with ShardWriter(warehouse.folder / "runs", run_id, catalog=catalog, stage=stage) as writer:
        yield writer
    row = {
        "run_id": run_id,
        "catalog": catalog,
        "stage": stage,
        "folder": str(writer.folder.relative_to(warehouse.folder)),
        "n_rows": writer.n_rows,
        "created_at": utc_now(),
        "files": json.dumps(describe_files(list_shards(writer.folder))),
    }
    warehouse.insert("stage_outputs", pl.DataFrame([row]), on_conflict="replace")


def latest_output(warehouse: Warehouse, *, catalog: str, stage: str, needs: str) -> list[Path]:
    """The shard files that the stage wrote last for a catalog, as they were written: each is held to its checksum.

    Raises WarehouseError that says which command to run (`needs`) if there are none, or one is gone or damaged.
    """
    note_read(f"{OUTPUT}{stage}")
    found = warehouse.query("queries/latest_output", catalog=catalog, stage=stage)
    if found.is_empty() or not (warehouse.folder / found["folder"][0]).is_dir():
        raise WarehouseError(f"catalog {catalog!r} has no {stage} yet; run `nightjar {needs}` first")
    folder, files = warehouse.folder / found["folder"][0], found["files"][0]
    # An older version told nothing of the files.
    if files is not None:
        check_files(folder, json.loads(files), mend=f"nightjar {needs}")
    return list_shards(folder)


def sweep_outputs(warehouse: Warehouse, *, keep: int) -> None:
    """Remove the folders of all but the last `keep` runs, and what a dead process left half written.

    The folders that are a catalog's latest output stay, whatever their age.
    """
    kept = warehouse.query("queries/runs_to_keep", n_runs=keep)["run_id"].to_list()
    sweep(warehouse.folder / "runs", kept)
