"""Gains, discounts and the ideal DCG: gain 2 ** grade - 1, discount 1 / log2(rank + 1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatVector = NDArray[np.float64]
GRADES = (3, 2, 1)


def gain_of(grades: NDArray[np.int64] | FloatVector) -> FloatVector:
    """2 ** grade - 1: 0, 1, 3, 7 for grades 0 to 3."""
    return np.exp2(np.asarray(grades, dtype=np.float64)) - 1.0


def discount_of(ranks: NDArray[np.int64] | FloatVector) -> FloatVector:
    """1 / log2(rank + 1) for ranks from 1."""
    return 1.0 / np.log2(np.asarray(ranks, dtype=np.float64) + 1.0)


def ideal_dcg(counts: NDArray[np.float64], k: int) -> FloatVector:
    """DCG@k of the best possible list of each user.

    counts: (users, 3) how many items have grade 3, 2 and 1. A count may be an estimate and so no whole number: half an
    item fills half of a rank, sum over grades g of gain(g) * (D(c_g) - D(c_g')), where c_g is the number of items of
    grade g or more, c_g' that of more than g, both at most k, and D(x) the sum of the discounts of ranks 1 to x,
    linear between whole x.
    """
    discounts = np.concatenate([[0.0], np.cumsum(discount_of(np.arange(1, k + 1)))])
    filled = np.minimum(np.cumsum(counts, axis=1), k)
    covered = np.interp(filled, np.arange(k + 1), discounts)
    shares = np.diff(covered, axis=1, prepend=0.0)
    ideal: FloatVector = shares @ gain_of(np.array(GRADES))
    return ideal
