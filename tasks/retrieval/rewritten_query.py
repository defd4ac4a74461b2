"""Source `rewritten_query`: the items nearest to the search texts that were made of the user's profile and history."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.retrieval.best_query import Queries, retrieve_best, score_best
from tasks.retrieval.item_index import FloatMatrix, FloatVector, IntVector, ItemIndex, unit_rows
from tasks.retrieval.source import Pairs
from tasks.retrieval.user_shard import UserQueries, UserShard
from tasks.retrieval.vector_search import VectorSearch

AVOIDANCE = 0.5


class RewrittenQuery:
    """Score: max over the wanted texts q of cosine(q, item) - AVOIDANCE * cosine(a, item), in [-1.5, 1.5].

    a is the direction of the mean of the avoided texts; without any the second term is 0. This is Rocchio's negative
    feedback ("Relevance feedback in information retrieval", 1971): both terms are dot products with the item, so each
    wanted text minus AVOIDANCE * a is one query, and the search stays exact. O(wanted texts * n d) a user.
    """

    name = "rewritten_query"

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
        """See Source; users without a wanted text have no row."""
        return retrieve_best(self._search, self._queries(shard), depth=depth)

    def score_pairs(self, shard: UserShard, pairs: Pairs) -> FloatVector:
        """The score as above; NaN where the user has no wanted text, or the item no vector."""
        scores, _ = score_best(self._queries(shard), pairs, self._index.vectors)
        return np.where(self._index.has_vector[pairs.items], scores, np.nan)

    def _queries(self, shard: UserShard) -> Queries:
        nothing = np.empty((0, self._index.vectors.shape[1]), np.float32)
        asked = shard.queries or UserQueries(np.empty(0, np.int64), nothing, np.empty(0, np.bool_))
        wanted = np.flatnonzero(~asked.is_avoided & asked.vectors.any(axis=1))
        users = asked.users[wanted]
        vectors = asked.vectors[wanted] - np.float32(AVOIDANCE) * _avoided_directions(asked, len(shard))[users]
        return Queries(users, np.arange(len(users)), np.zeros(len(users)), vectors)


def _avoided_directions(asked: UserQueries, n_users: int) -> FloatMatrix:
    """(u, d) unit rows, zero where the user avoids nothing."""
    sums = np.zeros((n_users, asked.vectors.shape[1]))
    np.add.at(sums, asked.users[asked.is_avoided], asked.vectors[asked.is_avoided])
    return unit_rows(sums.astype(np.float32))[0]
