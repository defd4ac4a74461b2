"""Source `collaborative`: items that the same users chose as the items in the user's history (item-item kNN).

Reads all interactions of the catalog once, to fit; in training these are the history part only, so that no held-out
interaction is known to the neighbours. Source: Deshpande and Karypis, "Item-based
top-N recommendation algorithms", ACM TOIS 2004.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy import sparse

from tasks.retrieval.item_index import FloatVector, IntVector, ItemIndex
from tasks.retrieval.source import BLOCK_CELLS, Pairs, best_positions
from tasks.retrieval.sparse_search import rank_products, score_products
from tasks.retrieval.user_shard import UserShard

FIT_ITEMS_PER_USER = 500
HISTORY_ITEMS = 500


def fit_neighbours(
    interactions: pl.DataFrame, index: ItemIndex, *, neighbours: int, shrinkage: float
) -> sparse.csr_matrix:
    """Each item's nearest items by the shrunk cosine of their columns of weights w (users, items).

    Returns (n, n): row h holds the items that have h among their nearest neighbours, with the similarity.

    similarity(a, b) = sum_u w_ua w_ub / (|w_a| |w_b| + shrinkage * the mean squared weight), so that pairs that few
    users support count less. interactions: user_id, item_id, weight; weights <= 0 and unknown items are left out, and
    of a user at most the FIT_ITEMS_PER_USER heaviest items count.
    O(sum over users of items^2) time; memory O(interactions + n * neighbours), and blocks of items in between.
    """
    chosen = _choices(interactions, index)
    squares = chosen.multiply(chosen).sum(axis=0)
    norms = np.sqrt(np.asarray(squares, dtype=np.float64).ravel())
    damping = shrinkage * float(np.mean(chosen.data**2)) if chosen.nnz else 0.0
    columns = chosen.T.tocsr()
    items, others, values = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    step = max(1, BLOCK_CELLS // 4 // max(1, len(index)))
    for start in range(0, len(index), step):
        product = (columns[start : start + step] @ chosen).tocsr()
        for row in range(product.shape[0]):
            item, part = start + row, slice(product.indptr[row], product.indptr[row + 1])
            found = product.indices[part].astype(np.int64)
            similarity = product.data[part] / (norms[item] * norms[found] + damping)
            similarity[found == item] = 0.0
            best = _nearest(found, similarity, neighbours)
            items.append(np.full(len(best), item))
            others.append(found[best])
            values.append(similarity[best].astype(np.float32))
    entries = (np.concatenate(values), (np.concatenate(others), np.concatenate(items)))
    return sparse.csr_matrix(entries, shape=(len(index), len(index)))


class Collaborative:
    """Score: the sum over the user's liked history items h of weight(h) * similarity(h, item), >= 0.

    weight is relative to the user's largest, so in (0, 1]; the newest HISTORY_ITEMS count. O(history * neighbours).
    """

    name = "collaborative"

    def __init__(self, index: ItemIndex, similarity: sparse.csr_matrix) -> None:
        self._is_active = index.is_active
        self._similarity = similarity

    @property
    def similarity(self) -> sparse.csr_matrix:
        """What fit_neighbours gave: (n, n)."""
        return self._similarity

    def retrieve(self, shard: UserShard, depth: IntVector) -> pl.DataFrame:
        """See Source; only items that are a neighbour of a history item."""
        return rank_products(self._queries(shard), self._similarity, is_active=self._is_active, depth=depth)

    def score_pairs(self, shard: UserShard, pairs: Pairs) -> FloatVector:
        """The sum as above, 0 for no neighbour; NaN where the user has liked nothing of this catalog."""
        queries = self._queries(shard)
        has_history = np.diff(queries.indptr) > 0
        return np.where(has_history[pairs.users], score_products(queries, self._similarity, pairs), np.nan)

    def _queries(self, shard: UserShard) -> sparse.csr_matrix:
        users, entries = shard.liked_entries(HISTORY_ITEMS)
        is_own = shard.history_items[entries] >= 0
        users, entries = users[is_own], entries[is_own]
        largest = np.zeros(len(shard))
        np.maximum.at(largest, users, shard.history_weights[entries])
        weights = (shard.history_weights[entries] / largest[users]).astype(np.float32)
        shape = (len(shard), self._similarity.shape[0])
        return sparse.csr_matrix((weights, (users, shard.history_items[entries])), shape=shape)


def _choices(interactions: pl.DataFrame, index: ItemIndex) -> sparse.csr_matrix:
    """Weights (users, n), users in the order of their ids."""
    rows = (
        interactions.select("user_id", "item_id", "weight")
        .join(index.positions, on="item_id")
        .group_by("user_id", "item")
        .agg(pl.col("weight").cast(pl.Float64).sort().sum())
        .filter(pl.col("weight") > 0)
        .sort("user_id", "weight", "item", descending=[False, True, False])
        .with_columns(nth=pl.int_range(pl.len()).over("user_id"), user=pl.col("user_id").rank("dense") - 1)
        .filter(pl.col("nth") < FIT_ITEMS_PER_USER)
    )
    users = rows["user"].cast(pl.Int64).to_numpy()
    entries = (rows["weight"].cast(pl.Float32).to_numpy(), (users, rows["item"].cast(pl.Int64).to_numpy()))
    return sparse.csr_matrix(entries, shape=(int(users.max()) + 1 if len(users) else 0, len(index)))


def _nearest(found: IntVector, similarity: FloatVector, limit: int) -> IntVector:
    best = best_positions(similarity, limit)
    best = best[similarity[best] > 0]
    return best[np.lexsort((found[best], -similarity[best]))[:limit]]
