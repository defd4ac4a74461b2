"""Puts the pools of users in order, a place at a time: relevance against unlikeness to what stands above, and topic mix.

Maximal marginal relevance (Carbonell and Goldstein 1998) and calibration (Steck 2018) in one greedy pass. Place by place
each user gets the item i of the pool with the highest

    (1 - c) * ((1 - d) * relevance(i) - d * max over chosen j of similarity(i, j)) - c * KL(p || q(chosen and i))

d is `diversity`, c is `calibration`, p the user's own topic mix, and q the mix of the list with i, drawn a little towards
p so that it has no zero. Vectorised over users. Time O(users * n * m * (d + t)), memory O(users * m * (d + t)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.ranking.inputs import BoolVector, FloatMatrix, FloatVector, IntVector

SMOOTHING = 0.01
"""Share of the user's own mix in the list's, as in Steck (2018)."""

SIMILARITY_DECIMALS = 6
GAIN_DECIMALS = 9


@dataclass(frozen=True)
class Pools:
    """u users with m places each, in the order that wins ties; a place where is_there is False holds nothing.

    relevance: (u, m), in [0, 1]. vectors: (u, m, d) unit rows, zero: like nothing. topics: (u, m, t), a row sums to 1, or
    to 0 where the item has no topic. wanted: (u, t), a row sums to 1, or to 0 where nothing is known of the user.
    """

    is_there: NDArray[np.bool_]
    relevance: NDArray[np.float64]
    vectors: FloatMatrix
    topics: NDArray[np.float64]
    wanted: NDArray[np.float64]


def pick_in_turn(pools: Pools, *, n: int, diversity: float, calibration: float) -> NDArray[np.int64]:
    """(u, n): the place in the pool of each user's 1st to nth item; -1 where the pool is exhausted."""
    n_users, width = pools.is_there.shape
    users = np.arange(n_users)
    is_left = pools.is_there.copy()
    nearest = np.zeros((n_users, width))
    chosen_topics = np.zeros_like(pools.wanted)
    picked = np.full((n_users, n), -1, dtype=np.int64)
    for turn in range(min(n, width)):
        gain = (1.0 - calibration) * ((1.0 - diversity) * pools.relevance - diversity * nearest)
        if calibration > 0:
            mixes = (chosen_topics[:, None, :] + pools.topics) / (turn + 1)
            gain = gain - calibration * divergence(pools.wanted[:, None, :], mixes)
        best = np.argmax(np.where(is_left, np.round(gain, GAIN_DECIMALS), -np.inf), axis=1)
        has_one = is_left[users, best]
        picked[:, turn] = np.where(has_one, best, -1)
        is_left[users, best] = False
        chosen_topics += np.where(has_one[:, None], pools.topics[users, best], 0.0)
        if diversity > 0:
            nearest = np.maximum(nearest, _similarity(pools.vectors, best, has_one))
    return picked


def divergence(wanted: NDArray[np.float64], mixes: NDArray[np.float64]) -> NDArray[np.float64]:
    """KL(wanted || mix) over the last axis, with the mix smoothed; 0 where nothing is wanted.

    >>> float(divergence(np.array([0.5, 0.5]), np.array([0.5, 0.5])))
    0.0
    """
    smooth = (1.0 - SMOOTHING) * mixes + SMOOTHING * wanted
    is_wanted = np.broadcast_to(wanted > 0, smooth.shape)
    ratio = np.divide(np.broadcast_to(wanted, smooth.shape), smooth, out=np.ones_like(smooth), where=is_wanted)
    return np.asarray(np.sum(wanted * np.log(ratio), axis=-1))


def scale_within(values: FloatVector, users: IntVector, n_users: int) -> FloatVector:
    """values drawn to [0, 1] within each user, the lowest to 0 and the highest to 1; 1 where all are the same."""
    low, high = np.full(n_users, np.inf), np.full(n_users, -np.inf)
    np.minimum.at(low, users, values)
    np.maximum.at(high, users, values)
    spread = (high - low)[users]
    return np.asarray(np.divide(values - low[users], spread, out=np.ones(len(values)), where=spread > 0))


def _similarity(vectors: FloatMatrix, best: IntVector, has_one: BoolVector) -> NDArray[np.float64]:
    """(u, m): cosine of each place and the item just chosen, at least 0, rounded so that block sizes do not show."""
    latest = vectors[np.arange(len(vectors)), best]
    cosines = np.matmul(vectors, latest[:, :, None])[:, :, 0].astype(np.float64)
    return np.where(has_one[:, None], np.round(np.clip(cosines, 0.0, 1.0), SIMILARITY_DECIMALS), 0.0)
