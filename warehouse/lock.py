"""One run at a time: an advisory file lock that the system frees when its process dies.

Reads and writes `<warehouse folder>/run.lock`, which holds the owner's process id for the error message.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from warehouse.errors import LockedError

POLL_SECONDS = 0.5
BRIEFLY = " briefly"
BRIEF_WAIT_S = 30.0
"""How long everybody waits for a process that says it holds the lock for moments only, as one that sends mails does."""


@contextmanager
def hold_run_lock(
    folder: Path, *, wait_s: float = 0.0, on_wait: Callable[[str], None] | None = None, is_brief: bool = False
) -> Iterator[None]:
    """Hold the lock of the warehouse in `folder`; is_brief: for moments, again and again, so that others wait for us.

    Waits up to wait_s seconds while another process has it, and tells on_wait that process's id, once for each process
    that it waits for. Raises LockedError when the time is over; with 0 at once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "run.lock").open("a+", encoding="utf-8") as file:
        started, told = time.monotonic(), ""
        while not _take(file):
            owner = _owner(file)
            least_s = BRIEF_WAIT_S if owner.endswith(BRIEFLY) else 0.0
            if time.monotonic() >= started + max(wait_s, least_s):
                waited = f" after {wait_s:.0f} seconds of waiting" if wait_s else ""
                raise LockedError(
                    f"the warehouse in {str(folder)!r} is{' still' if wait_s else ''} in use by process {owner}{waited};"
                    " wait for that run or stop it"
                )
            if owner != told and on_wait is not None:
                on_wait(owner.removesuffix(BRIEFLY))
            told = owner
            time.sleep(POLL_SECONDS)
        file.truncate(0)
        file.write(f"{os.getpid()}{BRIEFLY if is_brief else ''}")
        file.flush()
        yield


def lock_owner(folder: Path) -> str | None:
    """The process id that holds the lock now, or None if it is free."""
    path = folder / "run.lock"
    if not path.exists():
        return None
    with path.open("r+", encoding="utf-8") as file:
        return None if _take(file) else _owner(file)


def _take(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(file: IO[str]) -> str:
    file.seek(0)
    return file.read().strip() or "unknown"
