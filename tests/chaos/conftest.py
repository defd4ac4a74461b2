"""The nights that faults are tried on, made once for all of them, whatever the number of workers."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from tests.chaos.driver import Fault
from tests.chaos.nights import copy_of, make_yesterday, processes, run_tonight, said_by
from tests.night import Nights, SmallCatalog

NEVER = Fault("ingest", "commit", 99)


@pytest.fixture(scope="session")
def forking() -> ForkServerContext:
    """Processes that have the steps loaded already."""
    return processes()


@pytest.fixture(scope="session")
def yesterday(tmp_path_factory: pytest.TempPathFactory, forking: ForkServerContext) -> Nights:
    """A night over a part of the catalog, as the warehouse that tonight's run finds."""
    folder = make_once(tmp_path_factory, "yesterday", lambda folder: make_yesterday(folder, forking))
    return Nights(folder / "warehouse", [SmallCatalog(folder / "catalog")], n_runs=1)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, yesterday: Nights, forking: ForkServerContext) -> Nights:
    """What tonight's run makes of it when nobody disturbs it; a point that is never reached does no harm."""

    def make(folder: Path) -> None:
        nights = copy_of(yesterday, folder)
        assert run_tonight(nights, forking, NEVER) == 0, said_by(nights)

    folder = make_once(tmp_path_factory, "undisturbed", make)
    return Nights(folder / "warehouse", yesterday.catalogs, n_runs=2)


def make_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that the first worker who asks fills, and all share."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = root / f"chaos-{name}"
    folder.mkdir(exist_ok=True)
    with (root / f"chaos-{name}.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            make(folder)
            (folder / "ready").touch()
    return folder
