"""Notes which stage a process is in, for the benchmark: Python imports this by itself where PYTHONPATH names the folder.

The product knows nothing of it. Appends "time pid stage begin|end" to the file that UNDER_FIRE_STAGES names.
"""

import functools
import importlib.abc
import importlib.machinery
import os
import sys
import time

MARKS = os.environ.get("UNDER_FIRE_STAGES")


class Watcher(importlib.abc.MetaPathFinder):
    """Wraps `flows.stage.run_step` when that module has been read, before anybody imports from it."""

    def find_spec(self, name, path, target=None):
        """The spec of flows.stage, with a loader that wraps; None for every other module."""
        if name != "flows.stage":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        read = spec.loader.exec_module

        def read_and_wrap(module):
            read(module)
            module.run_step = watched(module.run_step)

        spec.loader.exec_module = read_and_wrap
        return spec


def watched(run_step):
    """run_step, with a mark before and after."""

    @functools.wraps(run_step)
    def run(stage, *args, **kwargs):
        mark(stage, "begin")
        try:
            return run_step(stage, *args, **kwargs)
        finally:
            mark(stage, "end")

    return run


def mark(stage, what):
    """One line, written at once."""
    with open(MARKS, "a", encoding="utf-8") as file:
        file.write(f"{time.time():.3f} {os.getpid()} {stage} {what}\n")


if MARKS:
    sys.meta_path.insert(0, Watcher())
