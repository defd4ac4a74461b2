"""Source `dense_history`: the items nearest to any of the items that the user liked lately.

The maximum over history items, not their mean: a reader of football and of cooking has two interests, and the mean of
both lies near neither. So the list also says which item it is like ("because you read ...").
"""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.retrieval.exact_search import CachedSearch, ExactSearch, Lists
from tasks.retrieval.item_index import FloatVector, IntVector, ItemIndex
from tasks.retrieval.source import BLOCK_CELLS, SCORE_DECIMALS, Pairs, rank_hits
from tasks.retrieval.user_shard import UserShard


class DenseHistory:
    """Score: max over the newest liked history items h of weight(h) * cosine(h, item).

    weight is the event weight after decay, divided by the user's largest, so in (0, 1]. Exact: an item among the best t
    by the maximum is among the best t of the history item that gives it. A history item that several users share is
    searched once in a run (see CachedSearch): O(distinct history items * n d), then O(history_items * depth) a user.
    Memory: 12 bytes * distinct history items of the shard * depth.
    """

    name = "dense_history"

    def __init__(self, index: ItemIndex, search: ExactSearch, *, history_items: int) -> None:
        self._index = index
        self._search = CachedSearch(search)
        self._limit = history_items

    def retrieve(self, shard: UserShard, depth: IntVector) -> pl.DataFrame:
        """See Source; users without a liked item that has a vector have no row."""
        users, rows, weights = self._queries(shard)
        row_depth = np.zeros(len(shard.item_vectors), dtype=np.int64)
        np.maximum.at(row_depth, rows, depth[users])
        positions = np.full(len(row_depth), -1)
        positions[shard.history_rows] = shard.history_items
        lists = self._search.search(shard.item_vectors, row_depth, positions=positions)
        parts = [
            _merge_lists(users[part], rows[part], weights[part], lists=lists, depth=depth)
            for part in _user_blocks(users, np.diff(lists.starts)[rows])
        ]
        return pl.concat(parts) if parts else rank_hits(users, rows, weights, depth=depth)

    def score_pairs(self, shard: UserShard, pairs: Pairs) -> FloatVector:
        """The maximum as above; NaN where the user has no liked item with a vector, or the item no vector."""
        scores = np.full(len(pairs), np.nan)
        users, rows, weights = self._queries(shard)
        order = np.argsort(pairs.users, kind="stable")
        bounds = np.searchsorted(pairs.users[order], np.arange(len(shard) + 1))
        starts = np.searchsorted(users, np.arange(len(shard) + 1))
        for user in np.unique(pairs.users):
            mine = slice(starts[user], starts[user + 1])
            if mine.start < mine.stop:
                places = order[bounds[user] : bounds[user + 1]]
                cosines = self._index.vectors[pairs.items[places]] @ shard.item_vectors[rows[mine]].T
                scores[places] = (cosines * weights[mine]).max(axis=1)
        return np.where(self._index.has_vector[pairs.items], np.round(scores, SCORE_DECIMALS), np.nan)

    def _queries(self, shard: UserShard) -> tuple[IntVector, IntVector, FloatVector]:
        """(user, row of item_vectors, weight in (0, 1]) of each history item that is searched for, sorted by user."""
        users, entries = shard.liked_entries(self._limit)
        rows, weights = shard.history_rows[entries], shard.history_weights[entries]
        largest = np.zeros(len(shard))
        np.maximum.at(largest, users, weights)
        has_vector = np.einsum("ij,ij->i", shard.item_vectors, shard.item_vectors)[rows] > 0
        return users[has_vector], rows[has_vector], (weights / largest[users])[has_vector]


def _user_blocks(users: IntVector, sizes: IntVector) -> list[slice]:
    """Slices of the queries that keep a user whole and hold about BLOCK_CELLS / 8 hits each."""
    if not len(users):
        return []
    block = np.cumsum(sizes) // (BLOCK_CELLS // 8)
    block = block[np.searchsorted(users, users)]
    cuts = np.flatnonzero(np.diff(block)) + 1
    return [slice(int(a), int(b)) for a, b in zip([0, *cuts], [*cuts, len(users)], strict=True)]


def _merge_lists(
    users: IntVector,
    rows: IntVector,
    weights: FloatVector,
    *,
    lists: Lists,
    depth: IntVector,
) -> pl.DataFrame:
    sizes = np.diff(lists.starts)[rows]
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    places = np.repeat(lists.starts[rows], sizes) + within
    owners = np.repeat(users, sizes)
    scores = np.round(lists.scores[places].astype(np.float64) * np.repeat(weights, sizes), SCORE_DECIMALS)
    is_near = scores >= _least_scores(users, rows, weights, lists=lists, depth=depth)[owners]
    hits = pl.DataFrame(
        {"user": owners[is_near], "item": lists.items[places[is_near]].astype(np.int64), "score": scores[is_near]}
    )
    best = hits.group_by("user", "item").agg(pl.col("score").max())
    return rank_hits(best["user"].to_numpy(), best["item"].to_numpy(), best["score"].to_numpy(), depth=depth)


def _least_scores(
    users: IntVector, rows: IntVector, weights: FloatVector, *, lists: Lists, depth: IntVector
) -> FloatVector:
    """(all users,) a score that the depth-th item of the user's list reaches: any single query's depth-th score."""
    last = lists.starts[rows] + depth[users] - 1
    is_full = (last < lists.starts[rows + 1]) & (depth[users] > 0)
    reached = np.round(lists.scores[last[is_full]].astype(np.float64) * weights[is_full], SCORE_DECIMALS)
    least = np.full(len(depth), -np.inf)
    np.maximum.at(least, users[is_full], reached)
    return least
