"""Source `dense_history`: the items nearest to any of the interests in what the user liked lately."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.contracts.compiled import COMPILED_ITEMS
from tasks.retrieval.best_query import Queries, damp, retrieve_best, score_best
from tasks.retrieval.interests import find_all_interests
from tasks.retrieval.item_index import BoolVector, FloatVector, IntVector, ItemIndex
from tasks.retrieval.source import Pairs
from tasks.retrieval.user_shard import UserShard
from tasks.retrieval.vector_search import VectorSearch


class DenseHistory:
    """Score: max over the user's interests c of cosine(c, item) + damp(share(c)), at most 1.

    share(c) is the part of the history's recency weight in c; damp: see best_query. The newest history_items liked items
    are summed up in at most `interests` centroids (see interests.py): fewer searches than one an item, and less noise in
    what is near. O(interests * n d) a user where the search is exact.
    """

    name = "dense_history"

    def __init__(self, index: ItemIndex, search: VectorSearch, *, history_items: int, interests: int) -> None:
        self._index = index
        self._search = search
        self._limit = history_items
        self._interests = interests

    @property
    def search(self) -> VectorSearch:
        """That of the items' vectors."""
        return self._search

    @property
    def index_recall(self) -> float | None:
        """See VectorSearch."""
        return self._search.index_recall

    def retrieve(self, shard: UserShard, depth: IntVector) -> pl.DataFrame:
        """See Source; users without a liked item that has a vector have no row."""
        return retrieve_best(self._search, self.queries_of(shard), depth=depth)

    def score_pairs(self, shard: UserShard, pairs: Pairs) -> FloatVector:
        """The maximum as above; NaN where the user has no liked item with a vector, or the item no vector."""
        scores, _ = score_best(self.queries_of(shard), pairs, self._index.vectors)
        return np.where(self._index.has_vector[pairs.items], scores, np.nan)

    def queries_of(self, shard: UserShard) -> Queries:
        """The interests of the shard's users, as they are searched for."""
        key = (self.name, self._limit, self._interests)
        if key not in shard.derived:
            shard.derived[key] = self._find_queries(shard)
        found: Queries = shard.derived[key]
        return found

    def _find_queries(self, shard: UserShard) -> Queries:
        users, entries = shard.liked_entries(self._limit)
        rows = shard.history_rows[entries]
        has_vector = self._has_vector(shard, entries)
        users, entries, rows = users[has_vector], entries[has_vector], rows[has_vector]
        weights = shard.history_weights[entries]
        found = find_all_interests(
            shard.item_vectors, rows, weights, users=users, limit=self._interests,
            is_compiled=len(self._index) >= COMPILED_ITEMS,
        )  # fmt: skip
        return Queries(found.users, np.arange(len(found.users)), damp(found.shares), found.centroids)

    def _has_vector(self, shard: UserShard, entries: IntVector) -> BoolVector:
        """Which of the history entries have a vector. Those of other catalogs are looked at; the index knows its own."""
        items = shard.history_items[entries]
        found = (items >= 0) & self._index.has_vector[items] if len(self._index) else np.zeros(len(items), np.bool_)
        foreign = np.flatnonzero(items < 0)
        found[foreign] = shard.item_vectors[shard.history_rows[entries[foreign]]].any(axis=1)
        return found
