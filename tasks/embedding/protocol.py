"""The seam between Nightjar and whatever turns text into vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Progress = Callable[[int, int], None]
"""Called with (texts done, texts in all) after each batch."""


class Embedder(Protocol):
    """Anything that embeds text; a fake plugs in here."""

    @property
    def name(self) -> str:
        """The model as people call it: "all-MiniLM-L6-v2"."""
        ...

    @property
    def fingerprint(self) -> str:
        """16 hex digits over all that changes the vectors (weights, maximum length, precision, our version)."""
        ...

    @property
    def dimension(self) -> int:
        """d, the length of a vector."""
        ...

    def encode(self, texts: Sequence[str], *, on_progress: Progress | None = None) -> Matrix:
        """Unit vectors, float32, shape (n, d), in the order of `texts`; n = 0 gives shape (0, d)."""
        ...
