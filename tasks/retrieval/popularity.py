"""Source `popularity`: what many users chose, the same for everybody."""

from __future__ import annotations

import polars as pl

from tasks.retrieval.item_index import FloatVector, IntVector, ItemIndex
from tasks.retrieval.shared_order import SharedOrder
from tasks.retrieval.source import Pairs
from tasks.retrieval.user_shard import UserShard


class Popularity:
    """Score: the index's popularity (decayed, weighted count of interactions). O(n log n) once, O(depth) a user."""

    name = "popularity"

    def __init__(self, index: ItemIndex) -> None:
        self._order = SharedOrder(index.popularity, is_active=index.is_active)

    def retrieve(self, shard: UserShard, depth: IntVector) -> pl.DataFrame:
        """See Source; only items of positive popularity."""
        return self._order.retrieve(depth)

    def score_pairs(self, shard: UserShard, pairs: Pairs) -> FloatVector:
        """The item's popularity, whoever the user."""
        return self._order.score_pairs(pairs)
