"""The seam between the dense sources and whatever searches vectors for them, and the exact score of single pairs.

`exact_search` finds all there is, `approximate_search` most of it, faster; both give the same scores.
"""

from __future__ import annotations

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


class VectorSearch(Protocol):
    """Finds the rows of a matrix that have the largest dot product with a query."""

    @property
    def index_recall(self) -> float | None:
        """The measured share of the true nearest that it finds, in [0, 1]; None: it is exact."""
        ...

    def search(self, queries: FloatMatrix, depth: IntVector) -> Hits:
        """At least depth[q] rows of the highest score for each query q (q, d), fewer only where there are no more."""
        ...


def pair_dots(left: FloatMatrix, left_rows: IntVector, right: FloatMatrix, right_rows: IntVector) -> FloatVector:
    """Dot products of left[left_rows[i]] and right[right_rows[i]], rounded.

    A pair's score is the same in any batch. O(pairs * d); nothing is copied of right.
    """
    if not len(left_rows):
        return np.empty(0)
    starts = run_starts(left_rows)
    lengths = np.diff(np.r_[starts, len(left_rows)])
    return run_dots(left, left_rows[starts], right, right_rows, starts=starts, lengths=lengths)
