"""Source `popularity`: what many users chose lately, the same for everybody."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.retrieval.item_index import FloatVector, IntVector, ItemIndex
from tasks.retrieval.source import SCORE_DECIMALS, Pairs, rank_hits
from tasks.retrieval.user_shard import UserShard


class Popularity:
    """Score: the index's popularity (decayed, weighted count of interactions). O(n log n) once, O(depth) a user."""

    name = "popularity"

    def __init__(self, index: ItemIndex) -> None:
        self._popularity = np.round(index.popularity, SCORE_DECIMALS)
        known = np.flatnonzero(index.is_active & (self._popularity > 0))
        self._order = known[np.argsort(-self._popularity[known], kind="stable")]

    def retrieve(self, shard: UserShard, depth: IntVector) -> pl.DataFrame:
        """See Source; only items of positive popularity."""
        sizes = np.minimum(depth, len(self._order))
        users = np.repeat(np.arange(len(shard)), sizes)
        items = self._order[np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)]
        return rank_hits(users, items, self._popularity[items], depth=depth)

    def score_pairs(self, shard: UserShard, pairs: Pairs) -> FloatVector:
        """The item's popularity, whoever the user."""
        return self._popularity[pairs.items]
