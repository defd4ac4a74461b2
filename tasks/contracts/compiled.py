"""Loops that are compiled when they are first called, by Numba; for work of which NumPy makes too many small steps.

Modules that use it are imported only where such a loop is due: the import, and then the compiler, take a second. Nothing is
stored: what Numba would keep on disk is pickled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

COMPILED_ITEMS = 100_000
"""From so many items of a catalog on. Of the catalog, not of a shard, where a compiled loop and NumPy may differ by a last bit:
what is computed in one way is nowhere in the night computed in the other.
"""

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(loop: Loop) -> Loop:
    """The loop, compiled for the types that it is called with; other threads run while it does."""
    from numba import njit

    return cast(Loop, njit(nogil=True)(loop))
