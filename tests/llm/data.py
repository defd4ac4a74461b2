"""Where the recorded replies lie, for tests that skip where they don't; and how the tests fuzz."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

FUZZ = settings(derandomize=True, deadline=None)
"""The same examples every time, however busy the machine is."""


def read_recorded(name: str) -> list[dict[str, Any]]:
    """The rows of a gzipped JSON lines file in ../shared/data; skips the test, saying so, where it is absent."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path} is absent")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
