"""Nearest vectors without approximation: faiss finds them, exact pair scores order them.

faiss scores a batch with matrix products whose last bits depend on the batch; so what it finds is scored again pair by
pair, and fetched deeper while a tie may cross the end of a list. Hence a list does not depend on the shard around it.
"""

from __future__ import annotations

import faiss
import numpy as np

from tasks.retrieval.item_index import BoolVector, FloatMatrix, FloatVector, IntVector
from tasks.retrieval.source import BLOCK_CELLS
from tasks.retrieval.vector_search import Hits, Near, join_near, pair_dots

TIE_SLACK = 1e-5


class ExactSearch:
    """Search among the rows of `vectors` (n, d) that `searchable` (n,) allows. Copies them only where it must."""

    def __init__(self, vectors: FloatMatrix, searchable: BoolVector) -> None:
        self._all = vectors
        self._positions = np.flatnonzero(searchable)
        self._base = vectors if len(self._positions) == len(vectors) else np.ascontiguousarray(vectors[self._positions])

    @property
    def index_recall(self) -> float | None:
        """None: it finds all."""
        return None

    def search(self, queries: FloatMatrix, depth: IntVector) -> Hits:
        """The depth[q] nearest rows of each query q and all that tie with the last, in no order. O(q n d)."""
        near = self.find(queries, depth)
        return Hits(near.queries, near.items, self.score(queries, near.queries, near.items))

    def score(self, queries: FloatMatrix, rows: IntVector, items: IntVector) -> FloatVector:
        """See VectorSearch."""
        return pair_dots(queries, rows, self._all, items)

    def find(self, queries: FloatMatrix, depth: IntVector) -> Near:
        """The hits of search with faiss's scores."""
        found: list[Near] = []
        n = len(self._base)
        wanted = np.minimum(depth, n)
        fetch = next_power(wanted + 1, n)
        pending = np.flatnonzero(wanted > 0)
        while len(pending):
            again = []
            for size in np.unique(fetch[pending]):
                for rows in query_blocks(pending[fetch[pending] == size], int(size)):
                    hits, is_done = self._search_block(queries, rows, wanted, size=int(size))
                    found.append(hits)
                    again.append(rows[~is_done])
            pending = np.concatenate(again)
            fetch[pending] = next_power(fetch[pending] * 4, n)
        return join_near(found)

    def _search_block(
        self, queries: FloatMatrix, rows: IntVector, wanted: IntVector, *, size: int
    ) -> tuple[Near, BoolVector]:
        asked = np.ascontiguousarray(queries[rows])
        near, places = faiss.knn(asked, self._base, size, metric=faiss.METRIC_INNER_PRODUCT)
        last_wanted = near[np.arange(len(rows)), wanted[rows] - 1]
        is_done = (near[:, -1] < last_wanted - TIE_SLACK) | (size == len(self._base))
        kept = rows[is_done]
        hit_queries = np.repeat(kept, size)
        hit_items = self._positions[places[is_done].ravel()]
        slack = np.full(len(hit_items), TIE_SLACK, dtype=np.float32)
        return Near(hit_queries, hit_items, near[is_done].ravel(), slack), is_done


def query_blocks(rows: IntVector, size: int) -> list[IntVector]:
    """rows in parts of which `size` hits each fit a block."""
    step = max(1, BLOCK_CELLS // size)
    return [rows[start : start + step] for start in range(0, len(rows), step)]


def next_power(values: IntVector, limit: int) -> IntVector:
    """The next power of two of each value, at most limit: so that queries of about one depth are asked together."""
    powers = 2 ** np.ceil(np.log2(np.maximum(values, 1))).astype(np.int64)
    return np.minimum(powers, limit)
