"""How much the place at which an item is shown moves its rank: measured on lists that were shown both ways round.

Of a list shown in both directions, whatever the items are worth, a judge without bias gives the same order twice; so what
goes with the place is bias (position bias of language models as judges: Wang et al. 2023, Shi et al. 2024). Taking both
directions with equal weight removes it. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, norm

LEVEL = 0.95
RESAMPLES = 2000


@dataclass(frozen=True)
class Ranked:
    """Items as they were shown to a judge of one user, and the rank that each got, 1 the best."""

    user: str
    items: tuple[str, ...]
    ranks: tuple[int, ...]


@dataclass(frozen=True)
class Estimate:
    """A share or a mean with its 95 % interval, and the number of lists (or pairs) it is made of."""

    value: float
    low: float
    high: float
    n: int


def measure_order_bias(rankings: Sequence[Ranked], *, seed: int = 0) -> dict[str, Estimate]:
    """What lists that were shown both ways round tell of a judge; nothing where there is none. O(lists * k²).

    order_bias: the mean correlation of rank and place, in [-1, 1]; 0 says that places play no part, 1 that whatever is
    shown first is put first. For pairs it is the share where the first is chosen both times less that where the second
    is, in other words twice the excess of P(first chosen) over a half. Pairs: interval of Agresti and Min (2005);
    longer lists: bootstrap over users.
    order_consistency: the share of pairs of items that stand in the same order both times. Pairs: Clopper and Pearson
    (1934); longer lists: bootstrap over users.
    first_place: P(the first shown is put first), over both directions; without bias the mean of 1 / length. Bootstrap.
    """
    turned = _both_ways(rankings)
    if not turned:
        return {}
    users = [one.user for one, _ in turned]
    bias = np.round([(_by_place(one) + _by_place(other)) / 2 for one, other in turned], 12)
    same = np.array([_agreement(one, other) for one, other in turned])
    first = np.array([((one.ranks[0] == 1) + (other.ranks[0] == 1)) / 2 for one, other in turned])
    if all(len(one.items) == 2 for one, _ in turned):
        estimates = {"order_bias": _paired(bias), "order_consistency": exact_share(int(same.sum()), len(same))}
    else:
        estimates = {
            "order_bias": _bootstrap(bias, users, seed=seed),
            "order_consistency": _bootstrap(same, users, seed=seed),
        }
    return {**estimates, "first_place": _bootstrap(first, users, seed=seed)}


def exact_share(n_hits: int, n: int, *, level: float = LEVEL) -> Estimate:
    """A share with the interval of Clopper and Pearson (1934).

    >>> round(exact_share(0, 10).high, 4)
    0.3085
    """
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, n_hits, n - n_hits + 1)) if n_hits else 0.0
    high = float(beta.ppf(1 - tail, n_hits + 1, n - n_hits)) if n_hits < n else 1.0
    return Estimate(n_hits / n if n else np.nan, low, high, n)


def _both_ways(rankings: Sequence[Ranked]) -> list[tuple[Ranked, Ranked]]:
    known: dict[tuple[str, tuple[str, ...]], Ranked] = {(one.user, one.items): one for one in rankings}
    return [
        (one, known[user, items[::-1]])
        for (user, items), one in sorted(known.items())
        if items < items[::-1] and (user, items[::-1]) in known
    ]


def _by_place(one: Ranked) -> float:
    """Spearman's correlation of rank and place; neither has ties."""
    k = len(one.items)
    away = np.array(one.ranks) - np.arange(1, k + 1)
    return float(1 - 6 * (away @ away) / (k * (k * k - 1)))


def _agreement(one: Ranked, other: Ranked) -> float:
    ranks: Mapping[str, int] = dict(zip(other.items, other.ranks, strict=True))
    pairs = list(combinations(zip(one.items, one.ranks, strict=True), 2))
    return sum((a[1] < b[1]) == (ranks[a[0]] < ranks[b[0]]) for a, b in pairs) / len(pairs)


def _paired(bias: NDArray[np.float64]) -> Estimate:
    """Difference of two matched proportions: half a list is added to each of the four cells."""
    n = len(bias)
    first, second = float((bias > 0.5).sum()), float((bias < -0.5).sum())
    total = n + 2
    middle = (first - second) / total
    spread = np.sqrt((first + second + 1) / total - middle**2) / np.sqrt(total)
    reach = float(norm.ppf(0.5 + LEVEL / 2)) * spread
    return Estimate((first - second) / n, max(-1.0, middle - reach), min(1.0, middle + reach), n)


def _bootstrap(values: NDArray[np.float64], users: Sequence[str], *, seed: int) -> Estimate:
    """Percentiles over users drawn with replacement; over lists, where there are fewer than ten users."""
    _, codes = np.unique(np.array(users), return_inverse=True)
    if codes.max() < 9:
        codes = np.arange(len(values))
    sums, sizes = np.bincount(codes, values), np.bincount(codes)
    drawn = np.random.default_rng(seed).integers(0, len(sums), size=(RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(values.mean()) + 0.0, float(low) + 0.0, float(high) + 0.0, len(values))
