"""The seam between the dense sources and whatever searches vectors for them, and the exact score of single pairs.

`exact_search` finds all there is, `approximate_search` most of it, faster; both give the same scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tasks.contracts.dots import run_dots
from tasks.retrieval.item_index import FloatMatrix, FloatVector, IntVector
from tasks.retrieval.order import run_starts


@dataclass(frozen=True)
class Hits:
    """Flat results, one row a hit: the query's row, the item's position, the dot product (a cosine of unit rows)."""

    queries: IntVector
    items: IntVector
    scores: FloatVector


@dataclass(frozen=True)
class Near:
    """Hits whose scores are not exact yet: those that pair_dots gives are at most `slack` away. queries is in no order."""

    queries: IntVector
    items: IntVector
    scores: FloatMatrix
    slack: FloatMatrix


class VectorSearch(Protocol):
    """Finds the rows of a matrix that have the largest dot product with a query."""

    @property
    def index_recall(self) -> float | None:
        """The measured share of the true nearest that it finds, in [0, 1]; None: it is exact."""
        ...

    def search(self, queries: FloatMatrix, depth: IntVector) -> Hits:
        """At least depth[q] rows of the highest score for each query q (q, d), fewer only where there are no more."""
        ...

    def find(self, queries: FloatMatrix, depth: IntVector) -> Near:
        """The hits of search with what the index says of their scores: for who needs few of them exactly."""
        ...

    def score(self, queries: FloatMatrix, rows: IntVector, items: IntVector) -> FloatVector:
        """The exact scores, as search gives them, of queries[rows[i]] and items[i]."""
        ...


def join_near(parts: Sequence[Near]) -> Near:
    """All hits of the parts."""
    nothing, none = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    return Near(
        np.concatenate([nothing, *(part.queries for part in parts)]),
        np.concatenate([nothing, *(part.items for part in parts)]),
        np.concatenate([none, *(part.scores for part in parts)]),
        np.concatenate([none, *(part.slack for part in parts)]),
    )


def pair_dots(left: FloatMatrix, left_rows: IntVector, right: FloatMatrix, right_rows: IntVector) -> FloatVector:
    """Dot products of left[left_rows[i]] and right[right_rows[i]], rounded.

    A pair's score is the same in any batch. O(pairs * d); nothing is copied of right.
    """
    if not len(left_rows):
        return np.empty(0)
    starts = run_starts(left_rows)
    lengths = np.diff(np.r_[starts, len(left_rows)])
    return run_dots(left, left_rows[starts], right, right_rows, starts=starts, lengths=lengths)
