"""One order of the items for everybody: what `popularity`, `recent_popularity` and `new_arrivals` share."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.retrieval.item_index import BoolVector, FloatVector, IntVector
from tasks.retrieval.source import SCORE_DECIMALS, Pairs, rank_hits
from tasks.retrieval.user_shard import UserShard


class SharedSource:
    """The active items of positive score (n,), best first. O(n log n) once, O(depth) a user."""

    def __init__(self, scores: FloatVector, *, is_active: BoolVector) -> None:
        self._scores = np.round(scores, SCORE_DECIMALS)
        known = np.flatnonzero(is_active & (self._scores > 0))
        self._order = known[np.argsort(-self._scores[known], kind="stable")]

    def __len__(self) -> int:
        return len(self._order)

    @property
    def order(self) -> IntVector:
        """Positions of the items, best first."""
        return self._order

    def retrieve(self, shard: UserShard, depth: IntVector) -> pl.DataFrame:
        """See Source; only items of positive score, the same for every user."""
        sizes = np.minimum(depth, len(self._order))
        users = np.repeat(np.arange(len(depth)), sizes)
        items = self._order[np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)]
        return rank_hits(users, items, self._scores[items], depth=depth)

    def score_pairs(self, shard: UserShard, pairs: Pairs) -> FloatVector:
        """The item's score, whoever the user; NaN where it has none."""
        return self._scores[pairs.items]
