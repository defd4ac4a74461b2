"""Source `dense_profile`: the items whose vectors lie nearest to the vector of the user's profile."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.retrieval.item_index import FloatVector, IntVector, ItemIndex
from tasks.retrieval.source import Pairs, rank_hits
from tasks.retrieval.user_shard import UserShard
from tasks.retrieval.vector_search import VectorSearch, pair_dots


class DenseProfile:
    """Score: cosine of profile and item in [-1, 1]. O(n d) a user where the search is exact."""

    name = "dense_profile"

    def __init__(self, index: ItemIndex, search: VectorSearch) -> None:
        self._index = index
        self._search = search

    @property
    def search(self) -> VectorSearch:
        """That of the items' vectors."""
        return self._search

    @property
    def index_recall(self) -> float | None:
        """See VectorSearch."""
        return self._search.index_recall

    def retrieve(self, shard: UserShard, depth: IntVector) -> pl.DataFrame:
        """See Source; users without a profile vector have no row."""
        hits = self._search.search(shard.profile_vectors, np.where(shard.has_profile, depth, 0))
        return rank_hits(hits.queries, hits.items, hits.scores, depth=depth)

    def score_pairs(self, shard: UserShard, pairs: Pairs) -> FloatVector:
        """Cosines; NaN where the user has no profile or the item no vector."""
        scores = pair_dots(shard.profile_vectors, pairs.users, self._index.vectors, pairs.items)
        return np.where(shard.has_profile[pairs.users] & self._index.has_vector[pairs.items], scores, np.nan)
