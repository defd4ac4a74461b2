"""What enters this room must look like this, and chance must be drawn like that; said once. Pure; O(n) time, no copies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.errors import LabelerError

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Flags = NDArray[np.bool_]

NONE = ""
"""The class of an item that fits no topic; always the last column of a student's probabilities."""


def seed_stream(seed: int, purpose: str) -> np.random.Generator:
    """A generator for one purpose: two uses of the same seed must not draw the same numbers, or the audit picks its items."""
    return np.random.default_rng([seed, *purpose.encode()])


def check_vectors(vectors: NDArray[np.floating], *, dimension: int | None = None) -> None:
    """Raises LabelerError unless vectors have shape (n, d), d = dimension where given, and hold only finite numbers."""
    if vectors.ndim != 2 or (dimension is not None and vectors.shape[1] != dimension):
        wanted = "d" if dimension is None else dimension
        raise LabelerError(f"vectors have shape {vectors.shape}, expected (n, {wanted}); embed the catalog again")
    if not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise LabelerError(f"the vector in row {row} is not finite; embed that item again")


def check_length(values: Sequence[object] | NDArray[np.generic], n: int, what: str) -> None:
    """Raises LabelerError unless there are n values."""
    if len(values) != n:
        raise LabelerError(f"{len(values)} {what} for {n} items; give exactly one an item")


def check_share(value: float, what: str, *, closed: bool = False) -> None:
    """Raises LabelerError unless 0 < value < 1, or 0 <= value < 1 if closed."""
    if not (0 < value < 1 or (closed and value == 0)):
        bound = "at least 0" if closed else "above 0"
        raise LabelerError(f"{what} is {value}; give a share {bound} and below 1")


def check_probabilities(values: NDArray[np.floating], what: str) -> None:
    """Raises LabelerError unless every value lies in [0, 1]."""
    if len(values) and not bool(((values >= 0) & (values <= 1)).all()):
        wrong = values[~((values >= 0) & (values <= 1))][0]
        raise LabelerError(f"{what} {wrong} is no probability; give values from 0 to 1")


def encode_labels(labels: Sequence[str | None], classes: Sequence[str]) -> Codes:
    """The column of each label, shape (n,), in (*classes, none); None and "" are none, the last.

    Raises LabelerError for a label that is no class.

    >>> encode_labels(["tech", None], ["sport", "tech"]).tolist()
    [1, 2]
    """
    column = {name: code for code, name in enumerate(classes)} | {NONE: len(classes)}
    try:
        return np.array([column[label or NONE] for label in labels], dtype=np.intp)
    except KeyError as error:
        expected = ", ".join(classes)
        raise LabelerError(
            f"unknown class {error.args[0]!r} among the labels; expected one of {expected} or none"
        ) from error
