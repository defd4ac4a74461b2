"""Keeps what one shard frees for the next one, instead of giving it back to the system and asking for it again.

A shard makes hundreds of arrays of some MB each. glibc maps such an array on its own and unmaps it when it is freed, so each of
them costs new pages that the system clears first: a tenth of the CPU seconds of a shard, and more where threads do it at once
(benchmarks/results/million_changes.md). Other C libraries are left as they are.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 1 << 30
"""Arrays up to this size are made of kept memory, and so much of it may lie unused at the top of a heap."""
USUAL_BYTES = 1 << 25
"""Where glibc itself ends when it adapts to what a program frees."""


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Within the block freed memory stays with this process; at its end what is unused goes back to the system."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "mallopt") or not hasattr(libc, "malloc_trim"):
        yield
        return
    _set(libc, KEPT_BYTES)
    try:
        yield
    finally:
        _set(libc, USUAL_BYTES)
        libc.malloc_trim(ctypes.c_size_t(0))


def _set(libc: ctypes.CDLL, n_bytes: int) -> None:
    # An older glibc maps arrays above 32 MB on their own whatever it is told, and answers 0.
    if not libc.mallopt(ctypes.c_int(M_MMAP_THRESHOLD), ctypes.c_int(n_bytes)):
        libc.mallopt(ctypes.c_int(M_MMAP_THRESHOLD), ctypes.c_int(USUAL_BYTES))
    libc.mallopt(ctypes.c_int(M_TRIM_THRESHOLD), ctypes.c_int(n_bytes))
