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
from tasks.retrieval.order import rank_runs, run_starts
from tasks.retrieval.shared_order import SharedSource
from tasks.retrieval.source import BLOCK_CELLS, Source
from tasks.retrieval.user_shard import UserShard

BLOCK_HITS = BLOCK_CELLS // 4
DEEPER = 4


@dataclass(frozen=True)
class AllowedLists:
    """users, items, ranks (from 1): what may be shown, by user and rank. dropped: user * n + item of each excluded pair that
    stood above the end of a list, with its code in dropped_codes (see Exclusions).
    """

    users: IntVector
    items: IntVector
    ranks: IntVector
    dropped: IntVector
    dropped_codes: IntVector


@dataclass(frozen=True)
class _Part:
    """Lists of some users: (users, items) of what is kept, of what was dropped above their ends, and the codes of these."""

    kept: tuple[IntVector, IntVector]
    dropped: tuple[IntVector, IntVector]
    codes: IntVector


def retrieve_allowed(source: Source, shard: UserShard, exclusions: Exclusions, limit: int) -> AllowedLists:
    """The first `limit` items of each user that may be shown.

    A user who lacks items is asked for again, DEEPER times as deep, until the source has no more. Memory: BLOCK_HITS
    hits, or one user's.
    """
    n_items = len(exclusions.item_codes)
    depth = np.minimum(limit + exclusions.n_own, n_items)
    pending = np.flatnonzero(depth > 0)
    parts: list[_Part] = []
    while len(pending):
        unfinished = []
        for block in np.split(pending, np.flatnonzero(np.diff(np.cumsum(depth[pending]) // BLOCK_HITS)) + 1):
            if isinstance(source, SharedSource):
                part, is_done = _read_shared(
                    source.order, block, exclusions, depth=int(depth[block].max()), limit=limit
                )
            else:
                part, is_done = _ask(source, shard, block, exclusions, depth=depth, limit=limit)
            parts.append(part)
            unfinished.append(block[~is_done])
        pending = np.concatenate(unfinished)
        depth[pending] = np.minimum(depth[pending] * DEEPER, n_items)
    return _join(parts, n_items)


def _ask(
    source: Source, shard: UserShard, block: IntVector, exclusions: Exclusions, *, depth: IntVector, limit: int
) -> tuple[_Part, BoolVector]:
    """The lists of those users of the block that are done, and who these are."""
    asked = np.zeros(len(shard), dtype=np.int64)
    asked[block] = depth[block]
    hits = source.retrieve(shard, asked)
    users, items = hits["user"].cast(pl.Int64).to_numpy(), hits["item"].cast(pl.Int64).to_numpy()
    codes = exclusions.codes_of(users, items)
    is_allowed = codes == ALLOWED
    nth = _count_before(users, is_allowed)
    n_found = np.bincount(users, minlength=len(shard))
    n_allowed = np.bincount(users[is_allowed], minlength=len(shard))
    is_done = (n_allowed >= limit) | (n_found < depth) | (depth >= len(exclusions.item_codes))
    is_listed = is_done[users] & (nth < limit)
    kept, dropped = np.flatnonzero(is_listed & is_allowed), np.flatnonzero(is_listed & ~is_allowed)
    part = _Part((users[kept], items[kept]), (users[dropped], items[dropped]), codes[dropped].astype(np.int64))
    return part, is_done[block]


def _read_shared(
    order: IntVector, block: IntVector, exclusions: Exclusions, *, depth: int, limit: int
) -> tuple[_Part, BoolVector]:
    """The same of a source whose list is the same for everybody: what differs are the users' own exclusions."""
    top = order[:depth]
    codes = exclusions.codes_of_all(block, top)
    is_allowed = codes == ALLOWED
    nth = np.cumsum(is_allowed, axis=1) - is_allowed
    is_done = (nth[:, -1] + is_allowed[:, -1] >= limit) if len(top) else np.ones(len(block), dtype=np.bool_)
    is_done |= depth >= len(order)
    is_listed = is_done[:, None] & (nth < limit)
    kept, dropped = np.nonzero(is_listed & is_allowed), np.nonzero(is_listed & ~is_allowed)
    return _Part(
        (block[kept[0]], top[kept[1]]), (block[dropped[0]], top[dropped[1]]), codes[dropped].astype(np.int64)
    ), is_done


def _join(parts: list[_Part], n_items: int) -> AllowedLists:
    nothing = np.empty(0, dtype=np.int64)
    users = np.concatenate([nothing, *(part.kept[0] for part in parts)])
    items = np.concatenate([nothing, *(part.kept[1] for part in parts)])
    if (users[1:] < users[:-1]).any():
        order = np.argsort(users, kind="stable")
        users, items = users[order], items[order]
    dropped = [part.dropped[0] * n_items + part.dropped[1] for part in parts]
    return AllowedLists(
        users,
        items,
        rank_runs(users),
        np.concatenate([nothing, *dropped]),
        np.concatenate([nothing, *(part.codes for part in parts)]),
    )


def _count_before(users: IntVector, is_counted: BoolVector) -> IntVector:
    """For each row how many counted rows of the same user stand above it; rows of a user lie together."""
    before: IntVector = np.cumsum(is_counted) - is_counted
    first = run_starts(users)
    sizes = np.diff(np.append(first, len(users)))
    return np.asarray(before - np.repeat(before[first], sizes), dtype=np.int64)
