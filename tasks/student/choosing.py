"""Which items to ask somebody about: a random audit sample, and those whose answer would help most. Pure.

With probabilities, the smallest margin between the two best classes goes first (Scheffer, Decomain & Wrobel 2001), passing
over near-copies of what is chosen or labeled already. Without any, items are drawn by k-means++ (Arthur & Vassilvitskii
2007) over their distances, so that every region of the catalog is shown once before any is shown twice. Cold, with the
probabilities of a labeler nobody has checked yet, k-means++ draws in proportion to distance times doubt.

Time O(n K + p (k + l) d) and memory O(n + p d) for l labeled items and a pool of at most POOL_ITEMS candidates (twice k, if
that is more).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.errors import LabelerError
from tasks.student.arrays import Codes, Flags, Floats, check_length, check_vectors, seed_stream

POOL_ITEMS = 20_000
NEAR_COPY = 0.95
"""The cosine from which on two items are asked about only once."""

_LEAST_DOUBT = 0.02
_KNOWN_BLOCK = 256


@dataclass(frozen=True, eq=False)
class AuditSample:
    """A simple random sample: row numbers, ascending, and the probability, the same for all, with which each was drawn."""

    rows: Codes
    probability: float


def draw_audit(n: int, *, size: int, seed: int) -> AuditSample:
    """size of n items (all, if there are fewer), drawn without replacement before anything else is chosen."""
    if size < 0:
        raise LabelerError(f"the audit's size is {size}; give 0 or more")
    drawn = np.sort(seed_stream(seed, "audit").permutation(n)[:size])
    return AuditSample(drawn, len(drawn) / n if n else 0.0)


def measure_margin(probabilities: NDArray[np.floating]) -> Floats:
    """Highest minus second highest probability, shape (n,), in [0, 1]; 1 where there is one class only."""
    if probabilities.shape[1] < 2:
        return np.ones(len(probabilities))
    best = np.partition(probabilities, -2, axis=1)
    return np.asarray(best[:, -1] - best[:, -2], dtype=np.float64)


def choose_items(
    vectors: NDArray[np.float32],
    *,
    k: int,
    probabilities: NDArray[np.floating] | None = None,
    labeled: Codes | None = None,
    is_cold: bool = False,
    near_copy: float = NEAR_COPY,
    seed: int,
) -> Codes:
    """Row numbers of at most k items to ask about, most useful first; the same input and seed give the same items.

    vectors: unit vectors, shape (n, d). probabilities, shape (n, K): of the student, or of any labeler. labeled: rows that
    have an answer already; neither they nor their near-copies are chosen. is_cold: the probabilities come from a labeler
    that nobody has checked, so spread the questions; without probabilities it is always so.
    Fewer than k rows come back when the rest are near-copies (cosine of at least near_copy) of chosen or labeled ones.

    Raises LabelerError for arrays that do not fit, k < 0 or rows out of range.
    """
    check_vectors(vectors)
    if k < 0:
        raise LabelerError(f"k is {k}; give the number of items to choose, 0 or more")
    known = np.empty(0, np.intp) if labeled is None else np.unique(np.asarray(labeled, dtype=np.intp))
    if len(known) and not 0 <= known[0] <= known[-1] < len(vectors):
        raise LabelerError(f"labeled holds row {known[0] if known[0] < 0 else known[-1]} of {len(vectors)} items")
    if probabilities is not None:
        check_length(probabilities, len(vectors), "rows of probabilities")
    generator = seed_stream(seed, "choose")
    shuffled = generator.permutation(len(vectors))
    open_rows = shuffled[~np.isin(shuffled, known)]
    if probabilities is None or is_cold:
        pool = open_rows[: max(POOL_ITEMS, 2 * k)]
        doubt = np.ones(len(pool))
        if probabilities is not None:
            doubt = 1 - measure_margin(probabilities[pool]) + _LEAST_DOUBT
        picks = _draw_spread(vectors[pool], doubt, vectors[known], generator)
    else:
        margin = measure_margin(probabilities[open_rows])
        pool = open_rows[np.argsort(margin, kind="stable")][: max(POOL_ITEMS, 2 * k)]
        picks = iter(range(len(pool)))
    return _without_copies(vectors, pool, picks, known, k=k, near_copy=near_copy)


def _draw_spread(
    vectors: NDArray[np.float32], doubt: Floats, known: NDArray[np.float32], generator: np.random.Generator
) -> Iterator[int]:
    """Positions in proportion to doubt times squared distance to the nearest known or drawn item, until none is left."""
    distance = np.full(len(vectors), 2.0)
    for row in known:
        distance = np.minimum(distance, _squared_distance(vectors, row))
    left = np.ones(len(vectors), dtype=np.bool_)
    while left.any():
        mass = np.cumsum(np.where(left, doubt * distance, 0.0))
        if mass[-1] <= 0:
            return
        # Never past the last item with mass, whatever the rounding of the sum.
        drawn = int(np.searchsorted(mass, min(generator.random(), 1 - 1e-9) * mass[-1], side="right"))
        left[drawn] = False
        distance = np.minimum(distance, _squared_distance(vectors, vectors[drawn]))
        yield drawn


def _squared_distance(vectors: NDArray[np.float32], row: NDArray[np.float32]) -> Floats:
    return np.asarray(np.maximum(2 - 2 * (vectors @ row), 0.0), dtype=np.float64)


def _without_copies(
    vectors: NDArray[np.float32],
    pool: Codes,
    picks: Iterator[int],
    known: Codes,
    *,
    k: int,
    near_copy: float,
) -> Codes:
    chosen: list[int] = []
    candidates = vectors[pool]
    is_copy: Flags = np.zeros(len(pool), dtype=np.bool_)
    for start in range(0, len(known), _KNOWN_BLOCK):
        block = vectors[known[start : start + _KNOWN_BLOCK]]
        is_copy |= (candidates @ block.T >= near_copy).any(axis=1)
    while len(chosen) < k and (pick := next(picks, None)) is not None:
        if not is_copy[pick]:
            chosen.append(int(pool[pick]))
            is_copy |= candidates @ candidates[pick] >= near_copy
    return np.array(chosen, dtype=np.intp)
