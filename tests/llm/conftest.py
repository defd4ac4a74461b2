"""Tests that say how long a reply may take to be read measure that, and not a collection of what other tests left in memory."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def own_garbage_alone() -> Iterator[None]:
    """Keep the garbage collector from what was there before the test."""
    gc.freeze()
    yield
    gc.unfreeze()
