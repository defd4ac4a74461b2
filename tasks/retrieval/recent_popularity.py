"""Source `recent_popularity`: what many users chose in the last days, the same for everybody."""

from __future__ import annotations

import polars as pl

from tasks.retrieval.item_index import FloatVector, IntVector, ItemIndex, decay_popularity
from tasks.retrieval.shared_order import SharedOrder
from tasks.retrieval.source import Pairs
from tasks.retrieval.user_shard import UserShard


class RecentPopularity:
    """Score: the summed weight of the interactions of the last recent_days, >= 0, each day worth the same.

    interactions: item_id, weight, age_days; one of unknown age is in no window. len() is how many active items were
    chosen in the window. O(interactions + n log n) once, O(depth) a user.
    """

    name = "recent_popularity"

    def __init__(self, index: ItemIndex, interactions: pl.DataFrame, *, recent_days: float) -> None:
        recent = interactions.filter(pl.col("age_days") <= recent_days)
        scores = decay_popularity(recent, index.item_ids, half_life_days=float("inf"))
        self._order = SharedOrder(scores, is_active=index.is_active)

    def __len__(self) -> int:
        return len(self._order)

    def retrieve(self, shard: UserShard, depth: IntVector) -> pl.DataFrame:
        """See Source; only items that somebody chose in the window."""
        return self._order.retrieve(depth)

    def score_pairs(self, shard: UserShard, pairs: Pairs) -> FloatVector:
        """The item's summed weight, 0 outside the window, whoever the user."""
        return self._order.score_pairs(pairs)
