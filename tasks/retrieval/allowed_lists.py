"""A source's list of what each user may be shown: asked, filtered, and asked deeper where too much fell out.

A list holds the first items of the source's order that may be shown, however deep these lie; so it does not depend on
the shard around a user, nor on how deep the source was asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.retrieval.filters import ALLOWED, Exclusions
from tasks.retrieval.item_index import BoolVector, IntVector
from tasks.retrieval.source import BLOCK_CELLS, Source, rank_hits
from tasks.retrieval.user_shard import UserShard

BLOCK_HITS = BLOCK_CELLS // 4
DEEPER = 4


@dataclass(frozen=True)
class AllowedLists:
    """lists: user, item, score, rank (from 1) of what may be shown. dropped: user * n + item of each excluded pair that
    stood above the end of a list, with its code in dropped_codes (see Exclusions).
    """

    lists: pl.DataFrame
    dropped: IntVector
    dropped_codes: IntVector


def retrieve_allowed(source: Source, shard: UserShard, exclusions: Exclusions, limit: int) -> AllowedLists:
    """The first `limit` items of each user that may be shown.

    A user who lacks items is asked for again, DEEPER times as deep, until the source has no more. Memory: BLOCK_HITS
    hits, or one user's.
    """
    n_items = len(exclusions.item_codes)
    depth = np.minimum(limit + exclusions.n_own, n_items)
    pending = np.flatnonzero(depth > 0)
    kept = [rank_hits(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), depth=depth)]
    dropped, codes = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    while len(pending):
        unfinished = []
        for block in np.split(pending, np.flatnonzero(np.diff(np.cumsum(depth[pending]) // BLOCK_HITS)) + 1):
            asked = np.zeros(len(shard), dtype=np.int64)
            asked[block] = depth[block]
            hits = source.retrieve(shard, asked)
            users, items = hits["user"].cast(pl.Int64).to_numpy(), hits["item"].cast(pl.Int64).to_numpy()
            pair_codes = exclusions.codes_of(users, items)
            nth = _count_before(users, pair_codes == ALLOWED)
            n_found = np.bincount(users, minlength=len(shard))
            n_allowed = np.bincount(users[pair_codes == ALLOWED], minlength=len(shard))
            is_done = (n_allowed >= limit) | (n_found < depth) | (depth >= n_items)
            unfinished.append(block[~is_done[block]])
            is_listed = is_done[users] & (nth < limit)
            is_kept, is_dropped = is_listed & (pair_codes == ALLOWED), is_listed & (pair_codes != ALLOWED)
            ranks = pl.Series("rank", nth + 1, dtype=pl.UInt32)
            kept.append(hits.with_columns(ranks).filter(pl.Series(is_kept)))
            dropped.append(users[is_dropped] * n_items + items[is_dropped])
            codes.append(pair_codes[is_dropped].astype(np.int64))
        pending = np.concatenate(unfinished)
        depth[pending] = np.minimum(depth[pending] * DEEPER, n_items)
    lists = pl.concat(kept).sort("user", "rank")
    return AllowedLists(lists, np.concatenate(dropped), np.concatenate(codes))


def _count_before(users: IntVector, is_counted: BoolVector) -> IntVector:
    """For each row how many counted rows of the same user stand above it; rows of a user lie together."""
    before: IntVector = np.cumsum(is_counted) - is_counted
    _, first = np.unique(users, return_index=True)
    sizes = np.diff(np.append(first, len(users)))
    return np.asarray(before - np.repeat(before[first], sizes), dtype=np.int64)
