"""A process that runs one night of the small catalog, and kills itself with SIGKILL at a chosen point of a chosen stage.

Nothing in the product knows of this: the points are calls of the warehouse and of the file system, wrapped here.
"""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import great_expectations  # noqa: F401  loaded once, before the processes are forked
import pytest

import tasks.judge
import tasks.labeling.land
import tasks.labeling.vectors
from flows.nightly import STAGE_FLOWS
from tasks.contracts.context import StepContext
from tasks.runs import finish_run, hold_lock, start_run
from tests.fake_embedder import HashingEmbedder
from tests.night import DAY, STAGES, plug_embedder, run_step
from warehouse.connection import Warehouse
from warehouse.shards import ShardWriter

assert set(STAGE_FLOWS) <= set(STAGES)


@dataclass(frozen=True)
class KillPoint:
    """Before the n-th operation of this name in the stage: "commit", "rename", "shard", "insert <table>", "run <name>"."""

    stage: str
    operation: str
    number: int = 1

    def __str__(self) -> str:
        return f"{self.stage}: {self.operation} {self.number}"


class Bomb:
    """Counts the operations of the stage that is running, and goes off at the point."""

    def __init__(self, point: KillPoint | None) -> None:
        self.point = point
        self.stage = ""
        self.n_done = 0

    def before(self, operation: str) -> None:
        """Tell that an operation is about to happen."""
        if self.point is None or (self.stage, operation) != (self.point.stage, self.point.operation):
            return
        self.n_done += 1
        if self.n_done == self.point.number:
            os.kill(os.getpid(), signal.SIGKILL)


def run_night(contexts: list[StepContext], point: KillPoint | None) -> None:
    """Run all stages for all catalogs as one run, in small batches, up to the point."""
    bomb = Bomb(point)
    with pytest.MonkeyPatch.context() as patched:
        plug_embedder(patched, HashingEmbedder())
        _shrink_batches(patched)
        _wire(bomb, patched)
        first = contexts[0]
        with hold_lock(first.folder):
            names = [context.catalog.name for context in contexts]
            start_run(first.folder, first.run_id, as_of=DAY, catalogs=names, code_version="test")
            for bomb.stage in STAGES:
                for context in contexts[:1] if bomb.stage == "publish" else contexts:
                    run_step(bomb.stage, context)
            bomb.stage = ""
            finish_run(first.folder, first.run_id, status="completed", message="", peak_rss_mb=1.0)


def _shrink_batches(patched: pytest.MonkeyPatch) -> None:
    landing = tasks.labeling.land.Landing
    patched.setattr(tasks.labeling.land, "Landing", lambda *args, **kwargs: landing(*args, **{**kwargs, "rows": 6}))
    patched.setattr(tasks.labeling.vectors, "BATCH", 6)
    patched.setattr(tasks.judge, "BLOCK_USERS", 6)


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
