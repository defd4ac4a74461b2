"""Source `item_to_item`: items that the same users chose as the items in the user's history (item-item kNN).

Reads all interactions of the catalog once, to fit; in training these are the history part only, so that no held-out
interaction is known to the neighbours. Source: Deshpande and Karypis, "Item-based
top-N recommendation algorithms", ACM TOIS 2004.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy import sparse

from tasks.contracts.compiled import COMPILED_ITEMS
from tasks.retrieval.choices import choice_matrix, history_matrix
from tasks.retrieval.item_index import FloatVector, IntVector, ItemIndex
from tasks.retrieval.source import BLOCK_CELLS, Pairs, best_positions
from tasks.retrieval.sparse_search import rank_products, score_products
from tasks.retrieval.user_shard import UserShard


def fit_neighbours(
    interactions: pl.DataFrame, index: ItemIndex, *, neighbours: int, shrinkage: float
) -> sparse.csr_matrix:
    """Each item's nearest items by the shrunk cosine of their columns of weights w (users, items).

    Returns (n, n): row h holds the items that have h among their nearest neighbours, with the similarity.

    similarity(a, b) = sum_u w_ua w_ub / (|w_a| |w_b| + shrinkage * the mean squared weight), so that pairs that few
    users support count less. interactions: see choice_matrix.
    O(sum over users of items^2) time; memory O(interactions + n * neighbours), and blocks of items in between. In a
    catalog of COMPILED_ITEMS or more a compiled loop, which finds the same: most of the time was Python's, item by item.
    """
    chosen = choice_matrix(interactions, index)
    squares = chosen.multiply(chosen).sum(axis=0)
    norms = np.sqrt(np.asarray(squares, dtype=np.float64).ravel())
    damping = shrinkage * float(np.mean(chosen.data**2)) if chosen.nnz else 0.0
    find = _find_compiled if len(index) >= COMPILED_ITEMS else _find_by_blocks
    items, others, values = find(chosen, norms, damping, neighbours)
    return sparse.csr_matrix((values.astype(np.float32), (others, items)), shape=(len(index), len(index)))


def _find_compiled(
    chosen: sparse.csr_matrix, norms: FloatVector, damping: float, limit: int
) -> tuple[IntVector, IntVector, FloatVector]:
    from tasks.retrieval.neighbour_kernel import find_nearest

    nearest, similarities = np.empty((len(norms), limit), np.int32), np.empty((len(norms), limit))
    counts = np.zeros(len(norms), np.int64)
    columns = chosen.T.tocsr()
    by_item, by_user = (columns.indptr, columns.indices, columns.data), (chosen.indptr, chosen.indices, chosen.data)
    find_nearest(*by_item, *by_user, norms, damping, nearest, similarities, counts)
    is_kept = np.arange(limit) < counts[:, None]
    return np.repeat(np.arange(len(norms)), counts), nearest[is_kept].astype(np.int64), similarities[is_kept]


def _find_by_blocks(
    chosen: sparse.csr_matrix, norms: FloatVector, damping: float, limit: int
) -> tuple[IntVector, IntVector, FloatVector]:
    columns = chosen.T.tocsr()
    items, others, values = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
    step = max(1, BLOCK_CELLS // 4 // max(1, len(norms)))
    for start in range(0, len(norms), step):
        product = (columns[start : start + step] @ chosen).tocsr()
        for row in range(product.shape[0]):
            item, part = start + row, slice(product.indptr[row], product.indptr[row + 1])
            found = product.indices[part].astype(np.int64)
            similarity = product.data[part] / (norms[item] * norms[found] + damping)
            similarity[found == item] = 0.0
            best = _nearest(found, similarity, limit)
            items.append(np.full(len(best), item))
            others.append(found[best])
            values.append(similarity[best])
    return np.concatenate(items), np.concatenate(others), np.concatenate(values)


class ItemToItem:
    """Score: the sum over the user's liked history items h of weight(h) * similarity(h, item), >= 0.

    Weights as in history_matrix. O(history * neighbours) a user.
    """

    name = "item_to_item"

    def __init__(self, index: ItemIndex, similarity: sparse.csr_matrix) -> None:
        self._is_active = index.is_active
        self._similarity = similarity

    @property
    def similarity(self) -> sparse.csr_matrix:
        """What fit_neighbours gave: (n, n)."""
        return self._similarity

    def retrieve(self, shard: UserShard, depth: IntVector) -> pl.DataFrame:
        """See Source; only items that are a neighbour of a history item."""
        queries = history_matrix(shard, self._similarity.shape[0])
        return rank_products(queries, self._similarity, is_active=self._is_active, depth=depth)

    def score_pairs(self, shard: UserShard, pairs: Pairs) -> FloatVector:
        """The sum as above, 0 for no neighbour; NaN where the user has liked nothing of this catalog."""
        queries = history_matrix(shard, self._similarity.shape[0])
        has_history = np.diff(queries.indptr) > 0
        return np.where(has_history[pairs.users], score_products(queries, self._similarity, pairs), np.nan)


def _nearest(found: IntVector, similarity: FloatVector, limit: int) -> IntVector:
    best = best_positions(similarity, limit)
    best = best[similarity[best] > 0]
    return best[np.lexsort((found[best], -similarity[best]))[:limit]]
