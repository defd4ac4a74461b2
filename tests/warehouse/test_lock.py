"""The run lock: one run at a time, freed when its process dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from warehouse.errors import LockedError
from warehouse.lock import hold_run_lock, lock_owner


def hold_elsewhere(folder: Path) -> subprocess.Popen[str]:
    """A process that holds the lock until it is killed."""
    holder = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from warehouse.lock import hold_run_lock
        with hold_run_lock(Path({str(folder)!r})):
            print("held", flush=True)
            sys.stdin.read()
    """)
    process = subprocess.Popen([sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_second_run_is_refused_and_learns_who_runs(tmp_path: Path) -> None:
    with (
        hold_run_lock(tmp_path),
        pytest.raises(LockedError, match=f"is in use by process {os.getpid()}; wait for that run or stop it"),
        hold_run_lock(tmp_path),
    ):
        pass


def test_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    process = hold_elsewhere(tmp_path)
    assert lock_owner(tmp_path) == str(process.pid)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert lock_owner(tmp_path) is None
    with hold_run_lock(tmp_path):
        assert lock_owner(tmp_path) == str(os.getpid())


def test_lock_is_free_after_a_run_that_failed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="boom"), hold_run_lock(tmp_path):
        raise ValueError("boom")
    assert lock_owner(tmp_path) is None


def test_nobody_owns_a_lock_that_never_was(tmp_path: Path) -> None:
    assert lock_owner(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_everybody_waits_for_who_holds_the_lock_for_moments(tmp_path: Path) -> None:
    taken, order = threading.Event(), []

    def hold_briefly() -> None:
        with hold_run_lock(tmp_path, is_brief=True):
            taken.set()
            time.sleep(0.3)
            order.append("brief")

    holder = threading.Thread(target=hold_briefly)
    holder.start()
    assert taken.wait(10)
    with hold_run_lock(tmp_path):
        order.append("run")
    holder.join()
    assert order == ["brief", "run"]
