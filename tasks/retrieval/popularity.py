"""Source `popularity`: what many users chose, the same for everybody."""

from __future__ import annotations

from tasks.retrieval.item_index import ItemIndex
from tasks.retrieval.shared_order import SharedSource


class Popularity(SharedSource):
    """Score: the index's popularity (decayed, weighted count of interactions); only items of positive popularity."""

    name = "popularity"

    def __init__(self, index: ItemIndex) -> None:
        super().__init__(index.popularity, is_active=index.is_active)
