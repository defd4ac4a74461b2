"""A share of a core for one process and what it starts, held by the kernel (cgroups, version 1 or 2). Needs root, and Linux.

On one machine a second worker takes its cores from the first, from the coordinator and from the scheduler, and what is measured
is the machine. Held to a share that all of them have at once, workers are as fast alone as they are together, as they would be
on machines of their own.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
PERIOD_US = 20_000
REMOVED_WITHIN_SECONDS = 5.0


class CoreShare:
    """A group of processes that has share (above 0) of a core, whatever else runs."""

    def __init__(self, name: str, share: float) -> None:
        reason = why_no_shares()
        if reason:
            raise OSError(reason)
        self._folder = _parent() / name
        self._folder.mkdir()
        quota = str(round(share * PERIOD_US))
        if _is_first_version():
            (self._folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (self._folder / "cpu.cfs_quota_us").write_text(quota)
        else:
            (self._folder / "cpu.max").write_text(f"{quota} {PERIOD_US}")

    def hold(self, process_id: int) -> None:
        """Hold a process; what it starts from now on is held with it."""
        (self._folder / "cgroup.procs").write_text(str(process_id))

    def remove(self) -> None:
        """Remove the group, whose processes have ended. Raises OSError where one has not."""
        deadline = time.monotonic() + REMOVED_WITHIN_SECONDS
        while True:
            try:
                self._folder.rmdir()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return


def why_no_shares() -> str:
    """Why no process can be held to a share of a core here; "" where it can."""
    if not os.access(_parent() / "cgroup.procs", os.W_OK):
        return f"a share of a core needs cgroups that may be written: {_parent()}; run as root on Linux"
    if not _is_first_version() and "cpu" not in (GROUPS / "cgroup.subtree_control").read_text().split():
        return f"a share of a core needs the controller cpu in {GROUPS / 'cgroup.subtree_control'}"
    return ""


def _is_first_version() -> bool:
    return (GROUPS / "cpu").is_dir()


def _parent() -> Path:
    return GROUPS / "cpu" if _is_first_version() else GROUPS
