"""A copy of the warehouse to plan on, so that planning reads tonight's sources and leaves the warehouse as it is."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.connection import DATABASE


@contextmanager
def copy_warehouse(folder: Path) -> Iterator[Path]:
    """A folder with a copy of the warehouse's database (without one: empty), removed at the end."""
    with tempfile.TemporaryDirectory(prefix="nightjar-plan-") as name:
        if (folder / DATABASE).exists():
            shutil.copy2(folder / DATABASE, Path(name) / DATABASE)
        yield Path(name)
