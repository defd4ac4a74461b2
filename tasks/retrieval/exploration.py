"""Source `exploration`: items drawn at random, so that what no source proposes can be learned about, with known chances."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.hashing import hash_ids
from tasks.retrieval.item_index import FloatVector, IntVector, ItemIndex
from tasks.retrieval.source import SCORE_DECIMALS, Pairs, best_positions
from tasks.retrieval.user_shard import UserShard

TO_UNIT = 2.0**-53


class Exploration:
    """Score: a number in [0, 1) hashed from user, item and day; it says nothing of interest and has no part in the fusion.

    A user's list is a uniformly random order of the active items, new each day. So its first k that a user may be shown
    are drawn uniformly without replacement from all e that the user may be shown, each with the propensity k / e.
    Without as_of_day the draw is the same every day. O(n) a user.
    """

    name = "exploration"

    def __init__(self, index: ItemIndex, *, as_of_day: float | None) -> None:
        self._day = 0 if as_of_day is None else int(np.floor(as_of_day))
        self._active = np.flatnonzero(index.is_active)
        self._item_keys = hash_ids(index.item_ids, self._day)

    def retrieve(self, shard: UserShard, depth: IntVector) -> pl.DataFrame:
        """See Source; ordered by all digits of the score."""
        user_keys = hash_ids(shard.user_ids, self._day)
        users, items, ranks = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for user in np.flatnonzero(depth > 0):
            chance = _mix(user_keys[[user]], self._item_keys[self._active])
            best = best_positions(chance, int(depth[user]))
            best = best[np.lexsort((best, -chance[best]))][: depth[user]]
            users.append(np.full(len(best), user))
            items.append(self._active[best])
            ranks.append(np.arange(1, len(best) + 1))
        hits = Pairs(np.concatenate(users), np.concatenate(items))
        return pl.DataFrame(
            {
                "user": hits.users.astype(np.uint32),
                "item": hits.items.astype(np.uint32),
                "score": self.score_pairs(shard, hits).astype(np.float32),
                "rank": np.concatenate(ranks).astype(np.uint32),
            }
        )

    def score_pairs(self, shard: UserShard, pairs: Pairs) -> FloatVector:
        """The hashed number of any pair."""
        keys = hash_ids(shard.user_ids, self._day)
        return np.round(_mix(keys[pairs.users], self._item_keys[pairs.items]), SCORE_DECIMALS)


def _mix(users: NDArray[np.uint64], items: NDArray[np.uint64]) -> FloatVector:
    """Uniform numbers in [0, 1) of 53 bits: the finaliser of splitmix64 over both hashes."""
    mixed = users * np.uint64(0x9E3779B97F4A7C15) + items
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    return np.asarray((mixed >> np.uint64(11)).astype(np.float64) * TO_UNIT)
