"""Room for a BLAS before it asks for it: scipy's OpenBLAS asks again for ever where its buffer is refused."""

from __future__ import annotations

import mmap

BUFFER_BYTES = 64 << 20
"""OpenBLAS maps 32 MB at the first product of a process, and keeps them; some more, for what else begins meanwhile."""


def require_blas_room() -> None:
    """Raise OSError (ENOMEM), instead of a hang, where this process may not map BUFFER_BYTES more. Takes microseconds."""
    mmap.mmap(-1, BUFFER_BYTES).close()
