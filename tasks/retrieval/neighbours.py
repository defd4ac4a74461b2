"""Which items lie near which: exact search of new items against all.

Time O(new x all x d) by blocked matrix products, memory O(block x all).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK_CELLS = 16_000_000


@dataclass(frozen=True)
class NearPairs:
    """Pairs found for one block of queries: query and neighbour are row numbers, cosine in [-1, 1]."""

    queries: NDArray[np.int64]
    query: NDArray[np.int64]
    neighbour: NDArray[np.int64]
    cosine: NDArray[np.float32]


def find_near_pairs(
    vectors: NDArray[np.float32], queries: NDArray[np.int64], *, min_cosine: float, max_neighbours: int
) -> Iterator[NearPairs]:
    """For each row number in `queries`, its neighbours in `vectors` (n, d; unit length) with a cosine of at least min_cosine.

    At most max_neighbours a query, nearest first, the query itself left out. Yields one result per block of queries.
    """
    block = max(1, BLOCK_CELLS // max(1, len(vectors)))
    for start in range(0, len(queries), block):
        part = queries[start : start + block]
        scores = vectors[part] @ vectors.T
        scores[np.arange(len(part)), part] = -2.0
        row, column = np.nonzero(scores >= min_cosine)
        cosine = scores[row, column]
        order = np.lexsort((column, -cosine, row))
        row, column, cosine = row[order], column[order], cosine[order]
        place = np.arange(len(row)) - np.searchsorted(row, row, side="left")
        kept = place < max_neighbours
        yield NearPairs(part, part[row[kept]], column[kept].astype(np.int64), cosine[kept])
