"""Best items by the product of two sparse matrices, some users at a time: what `bm25` and `collaborative` share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from scipy import sparse

from tasks.retrieval.item_index import BoolVector, FloatVector, IntVector
from tasks.retrieval.source import BLOCK_CELLS, SCORE_DECIMALS, Pairs, best_positions, rank_hits


def rank_products(
    queries: sparse.csr_matrix, table: sparse.csr_matrix, *, is_active: BoolVector, depth: IntVector
) -> pl.DataFrame:
    """Lists as in Source.retrieve of the active items with a positive score in queries (u, m) @ table (m, n)."""
    users, items, scores = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
    for user, found, values in _rows(queries, table, np.flatnonzero(depth > 0)):
        kept = is_active[found] & (np.round(values, SCORE_DECIMALS) > 0)
        found, values = found[kept], values[kept]
        best = best_positions(values, int(depth[user]))
        users.append(np.full(len(best), user))
        items.append(found[best])
        scores.append(values[best])
    return rank_hits(np.concatenate(users), np.concatenate(items), np.concatenate(scores), depth=depth)


def score_products(queries: sparse.csr_matrix, table: sparse.csr_matrix, pairs: Pairs) -> FloatVector:
    """Entries [user, item] of queries (u, m) @ table (m, n); 0 where the product has none."""
    scores = np.zeros(len(pairs))
    order = np.argsort(pairs.users, kind="stable")
    bounds = np.searchsorted(pairs.users[order], np.arange(queries.shape[0] + 1))
    row = np.zeros(table.shape[1])
    for user, found, values in _rows(queries, table, np.unique(pairs.users)):
        places = order[bounds[user] : bounds[user + 1]]
        row[found] = values
        scores[places] = row[pairs.items[places]]
        row[found] = 0.0
    return np.round(scores, SCORE_DECIMALS)


def _rows(
    queries: sparse.csr_matrix, table: sparse.csr_matrix, users: IntVector
) -> Iterator[tuple[int, IntVector, FloatVector]]:
    """(user, items, scores) of each user's non-zero products; at most BLOCK_CELLS / 4 of them are in memory."""
    step = max(1, BLOCK_CELLS // 4 // max(1, table.shape[1]))
    for start in range(0, len(users), step):
        block = users[start : start + step]
        product = (queries[block] @ table).tocsr()
        for row, user in enumerate(block):
            part = slice(product.indptr[row], product.indptr[row + 1])
            yield int(user), product.indices[part].astype(np.int64), product.data[part].astype(np.float64)
