"""Which user-item pairs are judged: a stratified Poisson sample with known probabilities.

The sources (nearness to the profile, its words, popularity) each put a user's items in an order, and the orders are read
side by side, as pools of judged documents are made (Sparck Jones and van Rijsbergen 1975): place 1 of each source, then
place 2, and so on. The first items of this pool are the strata "top:<source>", all of which are taken; "middle" is ten
times as deep as it takes; "rest" is everything else. Each pair has one coin, a hash of user, item and seed: it is thrown
once, when the user or the item is new, so that a rerun draws the same pairs and tomorrow's catalog moves nobody's old coin.
With the recorded probability p, a judged pair stands for 1/p pairs (Horvitz and Thompson 1952). Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.labels import JudgeConfig

MIDDLE_DEPTH = 10
NO_PLACE = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Drawn:
    """The sampled pairs of a block: user and item row numbers, stratum (index into strata_of), probability in (0, 1]."""

    user: NDArray[np.int64]
    item: NDArray[np.int64]
    stratum: NDArray[np.int8]
    probability: NDArray[np.float64]


class Pool:
    """The orders of the sources, side by side, for u users and n items: places (u, n), NO_PLACE where no source has one."""

    def __init__(self, sources: Sequence[str], shape: tuple[int, int]) -> None:
        self.sources = tuple(sources)
        self.places = np.full(shape, NO_PLACE, dtype=np.int32)

    def add(self, source: str, *, user: NDArray[np.int64], item: NDArray[np.int64], rank: NDArray[np.int64]) -> None:
        """Take a source's order: rank from 1, each pair at most once. O(pairs)."""
        key = (rank - 1) * len(self.sources) + self.sources.index(source)
        self.places[user, item] = np.minimum(self.places[user, item], key.astype(np.int32))

    def first_source(self, user: NDArray[np.int64], item: NDArray[np.int64]) -> NDArray[np.int8]:
        """Index of the source that has each pair first; of no meaning for a pair without a place."""
        return (self.places[user, item] % len(self.sources)).astype(np.int8)


def strata_of(sources: Sequence[str]) -> tuple[str, ...]:
    """The names of the strata: one for the top of each source, then the middle, then the rest."""
    return (*(f"top:{source}" for source in sources), "middle", "rest")


def pool_depth(config: JudgeConfig, n_pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """How deep each source is read for users who want n_pairs: as far as the pool could need it from one source alone."""
    near, middle = _wanted(config, n_pairs)
    return (near + middle * MIDDLE_DEPTH).astype(np.int64)


def draw_pairs(
    pool: Pool,
    *,
    user_keys: NDArray[np.uint64],
    item_keys: NDArray[np.uint64],
    n_pairs: NDArray[np.int64],
    is_open: NDArray[np.bool_],
    is_seen: NDArray[np.bool_],
    config: JudgeConfig,
) -> Drawn:
    """Draw about n_pairs[u] items for each user of a block.

    is_seen (u, n) marks what the user has met, which has no place and is never drawn; is_open (u, n) the pairs whose
    coin is thrown now: not thrown before. What a user's sources leave of the tops' and the middle's share goes to the
    rest. Time O(u n log n), memory O(u n).
    """
    places = np.where(is_seen, NO_PLACE, pool.places)
    order = np.argsort(places, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(order.shape[1])[None, :], axis=1)
    rank[places == NO_PLACE] = order.shape[1]

    n_unseen = (~is_seen).sum(axis=1)[:, None]
    n_placed = (places != NO_PLACE).sum(axis=1)[:, None]
    near, middle = (wanted[:, None] for wanted in _wanted(config, n_pairs))
    near_size = np.minimum(near, n_placed)
    middle_size = np.minimum(middle * MIDDLE_DEPTH, n_placed - near_size)
    middle = np.minimum(middle, middle_size)
    rest = np.maximum(n_pairs[:, None] - near_size - middle, 0)
    rest_size = n_unseen - near_size - middle_size
    cuts = (rank >= near_size).astype(np.int8) + (rank >= near_size + middle_size).astype(np.int8)
    shares = [np.ones(near.shape), _share(middle, middle_size), _share(rest, rest_size)]
    probability = np.choose(cuts, [np.broadcast_to(share, rank.shape) for share in shares])
    coins = _coins(user_keys, item_keys, config.seed)
    user, item = np.nonzero(is_open & ~is_seen & (coins < probability))
    after_tops = cuts[user, item] + len(pool.sources) - 1
    stratum = np.where(cuts[user, item] == 0, pool.first_source(user, item), after_tops).astype(np.int8)
    return Drawn(user, item, stratum, probability[user, item])


def _wanted(config: JudgeConfig, n_pairs: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.round(n_pairs * config.near_share), np.round(n_pairs * config.middle_share)


def _share(wanted: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.float64]:
    share = np.divide(wanted, size, out=np.zeros(wanted.shape), where=size > 0)
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
