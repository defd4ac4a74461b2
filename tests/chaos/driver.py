"""A process that runs one night of the small catalog, and meets a fault at a chosen point of a chosen stage.

Nothing in the product knows of this: the points are calls of the warehouse and of the file system, wrapped here.
"""

from __future__ import annotations

import functools
import json
import os
import resource
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import great_expectations
import pytest
from great_expectations.data_context import EphemeralDataContext

import flows.stage
import tasks.judge
import tasks.labeling.land
import tasks.labeling.vectors
import tasks.train
import warehouse.connection
from flows.nightly import STAGE_FLOWS
from tasks.contracts.context import StepContext
from tasks.keeping import ALL
from tasks.publish import confirm_latest
from tasks.runs import finish_run, hold_lock, settle_clock, start_run
from tests.fake_embedder import HashingEmbedder
from tests.night import DAY, STAGES, plug_embedder, run_step
from warehouse.connection import Warehouse
from warehouse.failures import explain_failure
from warehouse.shards import ShardWriter

assert set(STAGE_FLOWS) <= set(STAGES)
assert great_expectations  # loaded once, before the processes are forked
BALLAST = "ballast"
FAILED = 1


@dataclass(frozen=True)
class Fault:
    """Before the n-th operation of this name in the stage; operations: "begin", "commit", "rename", "shard", "insert <table>" …

    kind: "kill" (SIGKILL), "full" (the disk), "file size" and "memory" (limits of the system's), "database memory" (DuckDB's
    own limit). size in bytes: what is left of the disk or of memory, or where files end.
    """

    stage: str
    operation: str
    number: int = 1
    kind: str = "kill"
    size: int = 0

    def __str__(self) -> str:
        return f"{self.stage}: {self.kind} before {self.operation} {self.number}"


class Bomb:
    """Counts the operations of the stage that is running, and goes off at the point; notes when each stage began."""

    def __init__(self, fault: Fault | None, folder: Path, marks: Path | None) -> None:
        self.fault, self.folder, self.marks = fault, folder, marks
        self.stage = ""
        self.n_done = 0

    def begin(self, stage: str) -> None:
        """Tell that a stage begins."""
        self.stage = stage
        if self.marks is not None:
            with self.marks.open("a", encoding="utf-8") as file:
                file.write(f"{time.monotonic()} {stage}\n")
        self.before("begin")

    def before(self, operation: str) -> None:
        """Tell that an operation is about to happen."""
        fault = self.fault
        if fault is None or (self.stage, operation) != (fault.stage, fault.operation):
            return
        self.n_done += 1
        if self.n_done == fault.number:
            strike(fault, self.folder)


def strike(fault: Fault, folder: Path) -> None:
    """Let the fault happen to this process, or to the disk under the folder."""
    if fault.kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault.kind == "full":
        fill_disk(folder.parent / BALLAST, left=fault.size)
    elif fault.kind == "file size":
        resource.setrlimit(resource.RLIMIT_FSIZE, (fault.size, resource.RLIM_INFINITY))
    elif fault.kind == "memory":
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + fault.size, resource.RLIM_INFINITY))
    elif fault.kind == "database memory":
        limit_database(fault.size)
    else:
        raise ValueError(f"unknown fault {fault.kind!r}")


def fill_disk(ballast: Path, *, left: int) -> None:
    """Take all room of the disk but `left` bytes."""
    state = os.statvfs(ballast.parent)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(state.f_bavail * state.f_frsize - left, 1))


def limit_database(size: int) -> None:
    """Let DuckDB have little memory, and no disk instead, whenever it is opened from now on in this process."""
    real = warehouse.connection.Instance

    def attach(path: Path, *, read_only: bool, config: Mapping[str, Any]) -> Any:
        return real(path, read_only=read_only, config={**config, "memory_limit": f"{size}B", "temp_directory": ""})

    warehouse.connection.Instance = attach  # type: ignore[assignment,misc]


def run_night(context: StepContext, fault: Fault | None, said: Path, marks: Path | None = None) -> None:
    """Run all stages as one run, in small batches; an error is written to `said` as the command line would say it."""
    bomb = Bomb(fault, context.folder, marks)
    try:
        with pytest.MonkeyPatch.context() as patched:
            _shrink(patched)
            _wire(bomb, patched)
            with hold_lock(context.folder):
                settle_clock(context.folder, is_day_given=True)
                names = [context.catalog.name]
                start_run(context.folder, context.run_id, as_of=DAY, catalogs=names, code_version="test")
                _run_stages(context, bomb)
    except Exception as error:  # noqa: BLE001  it is what the test asks for
        kind = type(error)
        told = {
            "line": explain_failure(error),
            "error": f"{kind.__module__}.{kind.__name__}: {error}",
            "stage": bomb.stage,
        }
        # The fault may forbid every file.
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        said.write_text(json.dumps(told), encoding="utf-8")
        os._exit(FAILED)


def _run_stages(context: StepContext, bomb: Bomb) -> None:
    status, message = "interrupted", ""
    try:
        for stage in STAGES:
            bomb.begin(stage)
            of_all = {"name": ALL, "confirm": confirm_latest} if stage == "publish" else {}
            # As the nightly flow does it: what is unchanged since a stage ended whole is kept.
            flows.stage.run_step(stage, functools.partial(run_step, stage), replace(context, keeps=True), **of_all)
        bomb.stage = ""
        status = "completed"
    except Exception as error:
        status, message = "failed", explain_failure(error) or str(error)
        raise
    finally:
        finish_run(context.folder, context.run_id, status=status, message=message, peak_rss_mb=1.0)


def _shrink(patched: pytest.MonkeyPatch) -> None:
    """Small batches, so that there are many moments; and without what costs time and stores nothing."""
    landing = tasks.labeling.land.Landing
    plug_embedder(patched, HashingEmbedder())
    patched.setattr(tasks.labeling.land, "Landing", lambda *args, **kwargs: landing(*args, **{**kwargs, "rows": 6}))
    patched.setattr(tasks.labeling.vectors, "BATCH", 6)
    patched.setattr(tasks.judge, "BLOCK_USERS", 6)
    patched.setattr(flows.stage, "announce", lambda report: None)
    patched.setattr(tasks.train, "draw_explanation", lambda *_, **__: b"picture")
    # A context that is never stored needs no text of itself.
    patched.setattr(EphemeralDataContext, "_save_project_config", lambda *_, **__: None)


def _wire(bomb: Bomb, patched: pytest.MonkeyPatch) -> None:
    def wrap(owner: Any, name: str, describe: Callable[..., str]) -> None:
        real = getattr(owner, name)

        @functools.wraps(real)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            bomb.before(describe(*args, **kwargs))
            return real(*args, **kwargs)

        patched.setattr(owner, name, wrapped)

    wrap(Warehouse, "insert", lambda self, table, *_, **__: f"insert {table}")
    wrap(Warehouse, "run", lambda self, name, **_: f"run {name}")
    wrap(ShardWriter, "write", lambda *_, **__: "shard")
    wrap(Path, "rename", lambda *_: "rename")
    wrap(os, "replace", lambda *_: "replace")
    real_transaction = Warehouse.transaction

    @contextmanager
    def transaction(self: Warehouse) -> Any:
        with real_transaction(self):
            yield
            bomb.before("commit")

    patched.setattr(Warehouse, "transaction", transaction)
