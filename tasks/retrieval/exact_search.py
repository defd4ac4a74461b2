"""Nearest vectors by cosine without approximation: faiss finds them, exact pair scores order them.

faiss scores a batch with matrix products whose last bits depend on the batch; so what it finds is scored again pair by
pair, and fetched deeper while a tie may cross the end of a list. Hence a list does not depend on the shard around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray

from tasks.retrieval.item_index import BoolVector, FloatMatrix, FloatVector, IntVector
from tasks.retrieval.source import BLOCK_CELLS, SCORE_DECIMALS

TIE_SLACK = 1e-5
CACHED_HITS = 50_000_000
"""Hits that a CachedSearch keeps at most, 8 bytes each."""


@dataclass(frozen=True)
class Hits:
    """Flat results, one row a hit: the query's row, the item's position, the cosine."""

    queries: IntVector
    items: IntVector
    scores: FloatVector


class ExactSearch:
    """Search among the rows of `vectors` (n, d) that `searchable` (n,) allows. Copies them only where it must."""

    def __init__(self, vectors: FloatMatrix, searchable: BoolVector) -> None:
        self._all = vectors
        self._positions = np.flatnonzero(searchable)
        self._base = vectors if len(self._positions) == len(vectors) else np.ascontiguousarray(vectors[self._positions])

    def search(self, queries: FloatMatrix, depth: IntVector) -> Hits:
        """At least the depth[q] nearest items of each query q and all that tie with the last. O(q n d)."""
        found = [Hits(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
        n = len(self._base)
        wanted = np.minimum(depth, n)
        fetch = _next_power(wanted + 1, n)
        pending = np.flatnonzero(wanted > 0)
        while len(pending):
            again = []
            for size in np.unique(fetch[pending]):
                for rows in _blocks(pending[fetch[pending] == size], int(size)):
                    hits, is_done = self._search_block(queries, rows, wanted, size=int(size))
                    found.append(hits)
                    again.append(rows[~is_done])
            pending = np.concatenate(again)
            fetch[pending] = _next_power(fetch[pending] * 4, n)
        return Hits(
            np.concatenate([hits.queries for hits in found]),
            np.concatenate([hits.items for hits in found]),
            np.concatenate([hits.scores for hits in found]),
        )

    def _search_block(
        self, queries: FloatMatrix, rows: IntVector, wanted: IntVector, *, size: int
    ) -> tuple[Hits, BoolVector]:
        asked = np.ascontiguousarray(queries[rows])
        near, places = faiss.knn(asked, self._base, size, metric=faiss.METRIC_INNER_PRODUCT)
        last_wanted = near[np.arange(len(rows)), wanted[rows] - 1]
        is_done = (near[:, -1] < last_wanted - TIE_SLACK) | (size == len(self._base))
        kept = rows[is_done]
        hit_queries = np.repeat(kept, size)
        hit_items = self._positions[places[is_done].ravel()]
        return Hits(hit_queries, hit_items, pair_dots(queries, hit_queries, self._all, hit_items)), is_done


@dataclass(frozen=True)
class Lists:
    """Hits by query: those of query q lie at starts[q] to starts[q + 1]; items i32, scores f32, best first."""

    starts: IntVector
    items: NDArray[np.int32]
    scores: NDArray[np.float32]


class CachedSearch:
    """ExactSearch that keeps the lists of the catalog's own items from shard to shard, up to CACHED_HITS hits."""

    def __init__(self, search: ExactSearch) -> None:
        self._search = search
        self._lists: dict[int, tuple[int, NDArray[np.int32], NDArray[np.float32]]] = {}
        self._room = CACHED_HITS

    def search(self, queries: FloatMatrix, depth: IntVector, *, positions: IntVector) -> Lists:
        """As ExactSearch.search; positions[q] is the item whose vector queries[q] is, -1: none of the catalog."""
        asked = np.where(depth > 0, _next_power(depth, np.iinfo(np.int64).max), 0)
        known = [self._lists.get(int(position), (0,))[0] for position in positions]
        missing = np.flatnonzero((depth > 0) & (np.array(known, dtype=np.int64) < depth))
        fresh = dict(zip(missing.tolist(), self._find(queries, missing, asked), strict=True))
        empty = (np.empty(0, np.int32), np.empty(0, np.float32))
        found = []
        for row, position in enumerate(positions.tolist()):
            if row in fresh:
                found.append(fresh[row])
                self._keep(position, int(asked[row]), fresh[row])
            else:
                found.append(self._lists[position][1:] if depth[row] > 0 else empty)
        starts = np.concatenate([[0], np.cumsum([len(items) for items, _ in found], dtype=np.int64)])
        columns = zip(*found, strict=True) if found else ((empty[0],), (empty[1],))
        items, scores = (np.concatenate(column) for column in columns)
        return Lists(starts, items, scores)

    def _find(
        self, queries: FloatMatrix, rows: IntVector, depth: IntVector
    ) -> list[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        hits = self._search.search(queries[rows], depth[rows])
        order = np.lexsort((hits.items, -hits.scores, hits.queries))
        cuts = np.searchsorted(hits.queries[order], np.arange(1, len(rows)))
        items = np.split(hits.items[order].astype(np.int32), cuts)
        return list(zip(items, np.split(hits.scores[order].astype(np.float32), cuts), strict=True)) if len(rows) else []

    def _keep(self, position: int, depth: int, hits: tuple[NDArray[np.int32], NDArray[np.float32]]) -> None:
        if position >= 0 and self._room >= len(hits[0]):
            self._room -= len(hits[0]) - (len(self._lists[position][1]) if position in self._lists else 0)
            self._lists[position] = (depth, *hits)


def pair_dots(left: FloatMatrix, left_rows: IntVector, right: FloatMatrix, right_rows: IntVector) -> FloatVector:
    """Dot products of left[left_rows[i]] and right[right_rows[i]], rounded; the same for a pair in any batch."""
    scores = np.empty(len(left_rows))
    step = max(1, BLOCK_CELLS // max(1, left.shape[1]))
    for start in range(0, len(left_rows), step):
        part = slice(start, start + step)
        scores[part] = np.einsum("ij,ij->i", left[left_rows[part]], right[right_rows[part]])
    return np.round(scores, SCORE_DECIMALS)


def _blocks(rows: IntVector, size: int) -> list[IntVector]:
    step = max(1, BLOCK_CELLS // size)
    return [rows[start : start + step] for start in range(0, len(rows), step)]


def _next_power(values: IntVector, limit: int) -> IntVector:
    powers = 2 ** np.ceil(np.log2(np.maximum(values, 1))).astype(np.int64)
    return np.minimum(powers, limit)
