"""Honest probabilities for topics without gold labels. Pure.

Two labelings of the same items, by description alone and by fitted prototypes, agree on a share p of them. Were both right
with probability a and wrong independently, evenly over the K - 1 other topics, they would agree on

    p = a² + (1 - a)² / (K - 1)

so a can be solved for (the argument of Platanios et al. 2014, with two labelings of equal accuracy). The softmax
temperature is then the one whose mean highest probability is a.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

PRIOR_SPREAD = 0.1
PRIOR_ITEMS = 10
"""A catalog's spread of best cosines is shrunk towards 0.1 as if ten more items had shown it: three items tell little."""

_MIN_TEMPERATURE = 0.005
_MAX_TEMPERATURE = 1.0
_BISECTIONS = 50


def estimate_accuracy(first: NDArray[np.intp], second: NDArray[np.intp], *, n_classes: int) -> float:
    """The accuracy a in [1/K, 1) that two labelings of n items over K classes imply by their agreement.

    The agreement is (agreeing + 1) / (n + 2), so that two items that agree prove little.
    """
    if n_classes == 1:
        return round((len(first) + 1) / (len(first) + 2), 6)
    agreement = (float(np.sum(first == second)) + 1) / (len(first) + 2)
    others = n_classes - 1
    # a² + (1 - a)²/others = agreement, the larger root; below chance agreement there is none, and a is 1/K.
    discriminant = agreement * n_classes / others - 1 / others
    return round((1 + others * math.sqrt(max(discriminant, 0.0))) / n_classes, 6)


def outlier_fence(best_cosines: NDArray[np.floating]) -> float:
    """The cosine below which an item is an outlier of its catalog: median - 3 robust standard deviations, at least 0.

    The robust standard deviation is 1.4826 times the median absolute deviation (Leys et al. 2013); it does not see the
    outliers themselves as long as they are fewer than half.
    """
    if len(best_cosines) == 0:
        return 0.0
    median = float(np.median(best_cosines))
    observed = 1.4826 * float(np.median(np.abs(best_cosines - median)))
    n = len(best_cosines)
    spread = math.sqrt((n * observed**2 + PRIOR_ITEMS * PRIOR_SPREAD**2) / (n + PRIOR_ITEMS))
    return round(max(0.0, median - 3 * spread), 6)


def topic_probabilities(cosines: NDArray[np.floating], *, fence: float, temperature: float) -> NDArray[np.float64]:
    """Softmax over topics and "none of these", shape (n, t + 1); the last column is none, whose cosine is the fence."""
    with_none = np.column_stack([cosines, np.full(len(cosines), fence)]).astype(np.float64)
    scaled = (with_none - with_none.max(axis=1, keepdims=True)) / temperature
    exponentials = np.exp(scaled)
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), dtype=np.float64)


def fit_temperature(cosines: NDArray[np.floating], *, fence: float, expected_accuracy: float) -> float:
    """The temperature at which the mean highest probability is `expected_accuracy`, by bisection; 0.05 without items."""
    fitting = cosines[cosines.max(axis=1) >= fence] if len(cosines) else cosines
    if len(fitting) == 0:
        return 0.05
    low, high = _MIN_TEMPERATURE, _MAX_TEMPERATURE
    for _ in range(_BISECTIONS):
        middle = math.sqrt(low * high)
        if topic_probabilities(fitting, fence=fence, temperature=middle).max(axis=1).mean() > expected_accuracy:
            low = middle
        else:
            high = middle
    return round(math.sqrt(low * high), 6)
