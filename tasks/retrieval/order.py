"""Orders the lists of many users at once: rows by user, score (best first) and item, ranked from 1 within a user.

User, score and item that fit 64 bits together are sorted as one number, which is many times faster than by three columns,
and are read out of it again. Scores are rounded, so that the last bits of a sum decide no order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.retrieval.item_index import FloatVector, IntVector

SCORE_DECIMALS = 6
BITS = 64


@dataclass(frozen=True)
class Ordered:
    """Rows in order: the user's row, the item's position, the rounded score, the place in the user's list from 1."""

    users: IntVector
    items: IntVector
    scores: FloatVector
    ranks: IntVector


def order_hits(
    users: IntVector,
    items: IntVector,
    scores: FloatVector,
    *,
    decimals: int = SCORE_DECIMALS,
    is_repeated: bool = False,
) -> Ordered:
    """The rows in order; is_repeated: of rows with the same user and item only the best stays. O(h log h) for h rows."""
    steps = np.rint(np.asarray(scores, dtype=np.float64) * 10.0**decimals)
    if not len(steps):
        nothing = np.empty(0, dtype=np.int64)
        return Ordered(nothing, nothing, np.empty(0), nothing)
    highest, lowest = float(steps.max()), float(steps.min())
    bits = _bits(users), _bits(items), min(BITS, int(highest - lowest).bit_length()) if np.isfinite(lowest) else BITS
    if sum(bits) > BITS:
        users, items, steps = _order_columns(users, items, steps, is_repeated=is_repeated)
    else:
        users, items, steps = _order_packed(users, items, highest - steps, bits=bits, is_repeated=is_repeated)
        steps = highest - steps
    return Ordered(users, items, steps / 10.0**decimals, rank_runs(users))


def rank_runs(users: IntVector) -> IntVector:
    """The place of each row among the rows of its user, from 1. Rows of a user lie together."""
    if not len(users):
        return np.empty(0, dtype=np.int64)
    starts = run_starts(users)
    return np.arange(1, len(users) + 1) - np.repeat(starts, np.diff(np.r_[starts, len(users)]))


def run_starts(values: NDArray[np.generic]) -> IntVector:
    """Where each run of equal values begins.

    >>> run_starts(np.array([4, 4, 7, 4])).tolist()
    [0, 2, 3]
    """
    if not len(values):
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(np.r_[True, values[1:] != values[:-1]])


def _bits(values: IntVector) -> int:
    return int(values.max()).bit_length()


def _order_packed(
    users: IntVector, items: IntVector, behind: FloatVector, *, bits: tuple[int, int, int], is_repeated: bool
) -> tuple[IntVector, IntVector, FloatVector]:
    """users, items and behind (how far a score is below the best one, in steps) in order."""
    _, of_item, of_score = bits
    columns = [values.astype(np.uint64) for values in (users, items, behind)]
    if is_repeated:
        # By user and item first, the best in front: the others of a pair are those that follow one of the same pair.
        keys = np.sort(_join(columns[0], _join(columns[1], columns[2], of_score), of_item + of_score))
        pairs = keys >> np.uint64(of_score)
        keys = keys[run_starts(pairs)]
        item_of = (keys >> np.uint64(of_score)) & _mask(of_item)
        columns = [keys >> np.uint64(of_item + of_score), item_of, keys & _mask(of_score)]
    keys = np.sort(_join(columns[0], _join(columns[2], columns[1], of_item), of_item + of_score))
    found = (keys >> np.uint64(of_item + of_score)).astype(np.int64), (keys & _mask(of_item)).astype(np.int64)
    return *found, ((keys >> np.uint64(of_item)) & _mask(of_score)).astype(np.float64)


def _order_columns(
    users: IntVector, items: IntVector, steps: FloatVector, *, is_repeated: bool
) -> tuple[IntVector, IntVector, FloatVector]:
    if is_repeated:
        order = np.lexsort((-steps, items, users))
        users, items, steps = users[order], items[order], steps[order]
        first = np.flatnonzero(np.r_[True, (users[1:] != users[:-1]) | (items[1:] != items[:-1])])
        users, items, steps = users[first], items[first], steps[first]
    order = np.lexsort((items, -steps, users))
    return users[order], items[order], steps[order]


def _join(high: NDArray[np.uint64], low: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    return np.asarray((high << np.uint64(bits)) | low) if bits < BITS else low


def _mask(bits: int) -> np.uint64:
    return np.uint64((1 << bits) - 1)
