"""Gains, discounts and the ideal DCG.

gain          2 ** grade - 1 ("exponential", Burges et al. 2005) or the grade itself ("linear", Järvelin and
              Kekäläinen 2002)
discount      1 / log2(rank + 1)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatVector = NDArray[np.float64]
Gain = Literal["exponential", "linear"]
GRADES = (3, 2, 1)
MAX_GRADE = 60
"""2 ** 60 is still exact enough for ratios of sums in 64 bits."""


def gain_of(grades: NDArray[np.int64] | FloatVector, gain: Gain = "exponential") -> FloatVector:
    """Exponential: 0, 1, 3, 7 for grades 0 to 3; linear: the grades."""
    values = np.asarray(grades, dtype=np.float64)
    return np.exp2(values) - 1.0 if gain == "exponential" else values


def discount_of(ranks: NDArray[np.int64] | FloatVector) -> FloatVector:
    """1 / log2(rank + 1) for ranks from 1."""
    return 1.0 / np.log2(np.asarray(ranks, dtype=np.float64) + 1.0)


def summed_discounts(k: int) -> FloatVector:
    """D: (k + 1,) where D[n] is the sum of the discounts of ranks 1 to n."""
    sums: FloatVector = np.concatenate([[0.0], np.cumsum(discount_of(np.arange(1, k + 1)))])
    return sums


def ideal_dcg(
    counts: NDArray[np.float64], k: int, *, grades: Sequence[int] = GRADES, gain: Gain = "exponential"
) -> FloatVector:
    """DCG@k of the best possible list of each user.

    counts: (users, grades) how many items have each of the grades, which fall from left to right. A count may be an
    estimate and so no whole number: half an item fills half of a rank, sum over grades g of
    gain(g) * (D(c_g) - D(c_g')), where c_g is the number of items of grade g or more, c_g' that of more than g, both
    at most k, and D(x) the sum of the discounts of ranks 1 to x, linear between whole x. O(users * grades).
    """
    filled = np.minimum(np.cumsum(counts, axis=1), k)
    covered = np.interp(filled, np.arange(k + 1), summed_discounts(k))
    shares = np.diff(covered, axis=1, prepend=0.0)
    ideal: FloatVector = shares @ gain_of(np.array(grades), gain)
    return ideal
