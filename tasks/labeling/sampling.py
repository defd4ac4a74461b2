"""Which user-item pairs are judged: a stratified Poisson sample with known probabilities.

A pair's stratum is its place in the user's ranking by cosine of profile and item: "near" (all of them are taken),
"middle" (ten times as deep as it takes) and "rest". Each pair has one coin, a hash of user, item and seed: it is thrown
once, when the user or the item is new, so that a rerun draws the same pairs and tomorrow's catalog moves nobody's old coin.
With the recorded probability p, a judged pair stands for 1/p pairs (Horvitz and Thompson 1952).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.catalog import JudgeConfig

MIDDLE_DEPTH = 10
RANK_SEED = 1 << 32
STRATA = ("near", "middle", "rest")


@dataclass(frozen=True)
class Drawn:
    """The sampled pairs of a block: user and item row numbers, stratum (index into STRATA), probability in (0, 1]."""

    user: NDArray[np.int64]
    item: NDArray[np.int64]
    stratum: NDArray[np.int8]
    probability: NDArray[np.float64]


def draw_pairs(
    user_vectors: NDArray[np.float32],
    item_vectors: NDArray[np.float32],
    *,
    user_keys: NDArray[np.uint64],
    item_keys: NDArray[np.uint64],
    n_pairs: NDArray[np.int64],
    is_open: NDArray[np.bool_],
    config: JudgeConfig,
) -> Drawn:
    """Draw about n_pairs[u] items for each user of a block.

    user_vectors (u, d) and item_vectors (n, d) are unit vectors; a user without a profile has zeros and gets ranks at
    random. is_open (u, n) marks the pairs whose coin is thrown now: neither seen by the user nor thrown before.
    Time and memory O(u x n).
    """
    coins = _coins(user_keys, item_keys, config.seed)
    scores = user_vectors @ item_vectors.T
    blank = ~user_vectors.any(axis=1)
    # A rank by the coin itself would decide what is drawn twice, and the probabilities would be wrong.
    scores[blank] = _coins(user_keys[blank], item_keys, config.seed + RANK_SEED)
    order = np.argsort(-scores, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(order.shape[1])[None, :], axis=1)

    n_items = item_vectors.shape[0]
    near = np.minimum(np.round(n_pairs * config.near_share), n_items)[:, None]
    middle = np.round(n_pairs * config.middle_share)[:, None]
    middle_size = np.clip(middle * MIDDLE_DEPTH, 0, n_items - near)
    rest_size = np.maximum(n_items - near - middle_size, 0)
    rest = np.maximum(n_pairs[:, None] - near - middle, 0)
    shares = [np.ones_like(near), _share(middle, middle_size), _share(rest, rest_size)]
    stratum = (rank >= near).astype(np.int8) + (rank >= near + middle_size).astype(np.int8)
    probability = np.choose(stratum, [np.broadcast_to(share, rank.shape) for share in shares])
    user, item = np.nonzero(is_open & (coins < probability))
    return Drawn(user, item, stratum[user, item], probability[user, item])


def _share(wanted: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.float64]:
    share = np.divide(wanted, size, out=np.zeros_like(wanted, dtype=float), where=size > 0)
    return np.asarray(np.minimum(share, 1.0))


def _coins(user_keys: NDArray[np.uint64], item_keys: NDArray[np.uint64], seed: int) -> NDArray[np.float64]:
    """One number in [0, 1) a pair, (u, n): the SplitMix64 finaliser of user, item and seed."""
    with np.errstate(over="ignore"):
        mixed = (user_keys[:, None] * np.uint64(0x9E3779B97F4A7C15)) ^ item_keys[None, :]
        mixed = mixed + np.uint64(seed) * np.uint64(0xD1342543DE82EF95)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        mixed = mixed ^ (mixed >> np.uint64(31))
    return (mixed >> np.uint64(11)).astype(np.float64) / float(1 << 53)
