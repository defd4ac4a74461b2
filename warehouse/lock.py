"""One run at a time: an advisory file lock that the system frees when its process dies.

Reads and writes `<warehouse folder>/run.lock`, which holds the owner's process id for the error message.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.errors import LockedError


@contextmanager
def hold_run_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of the warehouse in `folder`. Raises LockedError at once if another process has it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "run.lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            raise LockedError(
                f"the warehouse in {str(folder)!r} is in use by process {owner}; wait for that run or stop it"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def lock_owner(folder: Path) -> str | None:
    """The process id that holds the lock now, or None if it is free."""
    path = folder / "run.lock"
    if not path.exists():
        return None
    with path.open("r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read().strip() or "unknown"
    return None
