"""A copy of the warehouse to plan on, so that planning reads tonight's sources and leaves the warehouse as it is."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.connection import DATABASE
from warehouse.lock import hold_run_lock
from warehouse.replies import REPLIES


@contextmanager
def copy_warehouse(folder: Path) -> Iterator[Path]:
    """A folder with a copy of the warehouse's database (without one: empty), removed at the end.

    The paid replies are not copied, for they may be large and planning only looks them up: the folder has a link to them.

    Raises LockedError while a run is writing: a copy made then might be torn.
    """
    with tempfile.TemporaryDirectory(prefix="nightjar-plan-") as name:
        if (folder / DATABASE).exists():
            with hold_run_lock(folder):
                # After a run that was killed, what it had committed last is still in the write-ahead log.
                for path in folder.glob(f"{DATABASE}*"):
                    shutil.copy2(path, Path(name) / path.name)
        if (folder / REPLIES).exists():
            (Path(name) / REPLIES).symlink_to((folder / REPLIES).resolve())
        yield Path(name)
