"""The kernel holds a process, and what it starts, to its share of a core."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from benchmarks.dask_cores import CoreShare, why_no_shares

SECONDS = 2.0
BUSY = "import multiprocessing, time\nmultiprocessing.Process(target=lambda: [0 for _ in iter(int, 1)]).start()\ntime.sleep(60)"


def test_a_share_of_a_core_is_not_exceeded() -> None:
    reason = why_no_shares()
    if reason:
        pytest.skip(reason)
    share = CoreShare(f"nightjar-test-{os.getpid()}", 0.25)
    asleep = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read(); exec(sys.argv[1])", BUSY], stdin=-1)
    try:
        share.hold(asleep.pid)
        assert asleep.stdin is not None
        asleep.stdin.close()
        used = 0.0
        start = time.monotonic()
        while time.monotonic() - start < SECONDS:
            time.sleep(0.1)
            family = [psutil.Process(asleep.pid), *psutil.Process(asleep.pid).children(recursive=True)]
            used = sum(one.cpu_times().user + one.cpu_times().system for one in family)
        spent = time.monotonic() - start
        assert 0.05 * spent < used < 0.4 * spent
    finally:
        for one in [*psutil.Process(asleep.pid).children(recursive=True), psutil.Process(asleep.pid)]:
            one.kill()
        asleep.wait()
        share.remove()
