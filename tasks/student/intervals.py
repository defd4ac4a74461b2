"""How sure a counted error rate is, and what it says when those who counted err themselves. Pure; O(1) each.

Exact limits: Clopper & Pearson 1934. Score interval: Wilson 1927. Correction for a known error of the reference labels:
Rogan & Gladen 1978.
"""

from __future__ import annotations

import math

from scipy import stats

from tasks.contracts.errors import LabelerError


def exact_upper(n_wrong: float, n: float, *, delta: float = 0.05) -> float:
    """The one-sided Clopper-Pearson bound: the true rate lies above it with probability at most delta. 1 for n = 0.

    Counts need not be whole: an effective sample has n_wrong and n of its own.
    """
    if n <= 0 or n_wrong >= n:
        return 1.0
    return float(stats.beta.ppf(1 - delta, n_wrong + 1, n - n_wrong))


def exact_interval(n_wrong: float, n: float, *, delta: float = 0.05) -> tuple[float, float]:
    """The two-sided Clopper-Pearson interval that misses the true rate with probability at most delta. (0, 1) for n = 0.

    >>> low, high = exact_interval(0, 100)
    >>> (low, round(high, 4))
    (0.0, 0.0362)
    """
    if n <= 0:
        return 0.0, 1.0
    low = 0.0 if n_wrong <= 0 else float(stats.beta.ppf(delta / 2, n_wrong, n - n_wrong + 1))
    return low, exact_upper(n_wrong, n, delta=delta / 2)


def wilson_interval(n_wrong: float, n: float, *, delta: float = 0.05) -> tuple[float, float]:
    """The Wilson score interval: narrower than the exact one, and right on average instead of always. (0, 1) for n = 0."""
    if n <= 0:
        return 0.0, 1.0
    z = float(stats.norm.ppf(1 - delta / 2))
    rate = n_wrong / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def disagreement_for(error: float, *, label_error: float, n_classes: int) -> float:
    """The share of answers that differ from reference labels of error rate e, if a share r of the answers is wrong:

        q = (1 - r) e + r (1 - e / (K - 1)) = e + r (1 - e K / (K - 1))

    where the reference errs independently of the answers and evenly over the K - 1 other classes.

    >>> round(disagreement_for(0.02, label_error=0.068, n_classes=5), 4)
    0.0863
    """
    return label_error + error * _attenuation(label_error, n_classes)


def error_behind(disagreement: float, *, label_error: float, n_classes: int) -> float:
    """The error rate r in [0, 1] behind a disagreement q: `disagreement_for` solved for r (Rogan & Gladen 1978)."""
    return min(1.0, max(0.0, (disagreement - label_error) / _attenuation(label_error, n_classes)))


def _attenuation(label_error: float, n_classes: int) -> float:
    if n_classes < 2:
        raise LabelerError(f"n_classes is {n_classes}; an error needs at least 2 classes")
    attenuation = 1 - label_error * n_classes / (n_classes - 1)
    if label_error < 0 or attenuation <= 0:
        limit = (n_classes - 1) / n_classes
        raise LabelerError(
            f"label_error is {label_error}; give the reference labels' error rate, 0 or more and below {limit:.2f}"
        )
    return attenuation
