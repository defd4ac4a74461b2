"""Source `recent_popularity`: what many users chose in the last days, the same for everybody."""

from __future__ import annotations

import polars as pl

from tasks.retrieval.item_index import ItemIndex, decay_popularity
from tasks.retrieval.shared_order import SharedSource


class RecentPopularity(SharedSource):
    """Score: the summed weight of the interactions of the last recent_days, >= 0, each day worth the same.

    interactions: item_id, weight, age_days; one of unknown age is in no window. len() is how many active items were
    chosen in the window. O(interactions + n log n) once.
    """

    name = "recent_popularity"

    def __init__(self, index: ItemIndex, interactions: pl.DataFrame, *, recent_days: float) -> None:
        recent = interactions.filter(pl.col("age_days") <= recent_days)
        scores = decay_popularity(recent, index.item_ids, half_life_days=float("inf"))
        super().__init__(scores, is_active=index.is_active)
