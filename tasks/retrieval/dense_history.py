"""Source `dense_history`: the items nearest to any of the interests in what the user liked lately."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.retrieval.best_query import Queries, damp, retrieve_best, score_best
from tasks.retrieval.interests import find_interests
from tasks.retrieval.item_index import FloatVector, IntVector, ItemIndex
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
    def index_recall(self) -> float | None:
        """See VectorSearch."""
        return self._search.index_recall

    def retrieve(self, shard: UserShard, depth: IntVector) -> pl.DataFrame:
        """See Source; users without a liked item that has a vector have no row."""
        return retrieve_best(self._search, self._queries(shard), depth=depth)

    def score_pairs(self, shard: UserShard, pairs: Pairs) -> FloatVector:
        """The maximum as above; NaN where the user has no liked item with a vector, or the item no vector."""
        scores, _ = score_best(self._queries(shard), pairs, self._index.vectors)
        return np.where(self._index.has_vector[pairs.items], scores, np.nan)

    def _queries(self, shard: UserShard) -> Queries:
        users, entries = shard.liked_entries(self._limit)
        rows = shard.history_rows[entries]
        has_vector = np.asarray(shard.item_vectors.any(axis=1))[rows]
        users, entries, rows = users[has_vector], entries[has_vector], rows[has_vector]
        owners = [np.empty(0, np.int64)]
        centroids = [np.empty((0, shard.item_vectors.shape[1]), np.float32)]
        shares = [np.empty(0)]
        distinct, starts = np.unique(users, return_index=True)
        for user, start, stop in zip(distinct, starts, [*starts[1:], len(users)][: len(distinct)], strict=True):
            weights = shard.history_weights[entries[start:stop]]
            found = find_interests(shard.item_vectors[rows[start:stop]], weights, limit=self._interests)
            owners.append(np.full(len(found.shares), user))
            centroids.append(found.centroids)
            shares.append(found.shares)
        vectors = np.concatenate(centroids)
        return Queries(np.concatenate(owners), np.arange(len(vectors)), damp(np.concatenate(shares)), vectors)
