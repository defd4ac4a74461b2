"""The last resort: a user about whom no source knows enough gets popular items, then the newest, then any.

Who has no history gets what is popular in the own segment before what is popular with everybody.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.retrieval.filters import ALLOWED, Exclusions
from tasks.retrieval.item_index import FloatVector, IntVector, ItemIndex
from tasks.retrieval.user_shard import UserShard

SLICE_ITEMS = 256


def fill_short_lists(
    fused: pl.DataFrame,
    *,
    shard: UserShard,
    target: int,
    index: ItemIndex,
    exclusions: Exclusions,
    segment_popularity: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """fused (user, item, ..., best first a user) with every list filled up to `target` rows where items are left.

    Filled rows come last, but before rows that were only drawn, with n_sources 0, fused_score 0 and null ranks: one of
    each near-duplicate group, none of a group that the list holds. segment_popularity: segment, item_id, popularity.
    O(segments * n log n + users * items that are looked at); memory O(n) a segment.
    """
    have = np.bincount(fused["user"].cast(pl.Int64).to_numpy(), minlength=len(shard))
    short = np.flatnonzero(have < target)
    if not len(short) or not len(index):
        return fused
    orders = _Orders(index, segment_popularity)
    listed = dict(fused.select("user", "item").group_by("user").agg("item").iter_rows())
    users, items = [], []
    for user in short.tolist():
        has_history = shard.indptr[user + 1] > shard.indptr[user]
        order = orders.of_segment("" if has_history else shard.segments[user])
        held = index.group_codes[np.array(listed.get(user, []), dtype=np.int64)]
        found = _first_allowed(order, user, held, index=index, exclusions=exclusions, n_wanted=target - len(held))
        users.append(np.full(len(found), user, dtype=np.uint32))
        items.append(found.astype(np.uint32))
    rows = pl.DataFrame({"user": np.concatenate(users), "item": np.concatenate(items)}).with_columns(
        fused_score=pl.lit(0.0), n_sources=pl.lit(0, dtype=pl.UInt32)
    )
    is_only_drawn = pl.col("propensity").is_not_null() & (pl.col("fused_score") == 0.0)
    filled = pl.concat([fused, rows], how="diagonal")
    return filled.sort("user", is_only_drawn, maintain_order=True)


def leave_to_segment(proposed: pl.DataFrame, shard: UserShard, segment_popularity: pl.DataFrame | None) -> pl.DataFrame:
    """proposed (user, propensity, ...) without the rows of users of whom only a segment is known, but for what was drawn.

    Known is a segment in which somebody chose something; who has a history, a profile or search texts keeps all rows.
    """
    known = set() if segment_popularity is None else set(segment_popularity["segment"])
    is_named = np.array([segment in known for segment in shard.segments], dtype=np.bool_)
    is_unknown = (np.diff(shard.indptr) == 0) & ~shard.has_profile & is_named
    if shard.queries is not None:
        is_unknown[shard.queries.users] = False
    rows = is_unknown[proposed["user"].cast(pl.Int64).to_numpy()]
    return proposed.filter(~pl.Series(rows, dtype=pl.Boolean) | pl.col("propensity").is_not_null())


class _Orders:
    """Positions of all items by appeal, one order a segment, made when first asked for."""

    def __init__(self, index: ItemIndex, segment_popularity: pl.DataFrame | None) -> None:
        self._index = index
        self._popular = segment_popularity
        self._orders: dict[str, IntVector] = {}

    def of_segment(self, segment: str) -> IntVector:
        """Most popular in the segment, most popular overall, newest, by id. "": no segment."""
        if segment not in self._orders:
            index = self._index
            published = np.nan_to_num(index.published_days, nan=-np.inf)
            keys = (np.arange(len(index)), -published, -index.popularity, -self._popularity_in(segment))
            self._orders[segment] = np.lexsort(keys)
        return self._orders[segment]

    def _popularity_in(self, segment: str) -> FloatVector:
        scores = np.zeros(len(self._index))
        if segment and self._popular is not None:
            rows = self._popular.filter(pl.col("segment") == segment)
            places = self._index.locate(rows["item_id"])
            known = places >= 0
            np.add.at(scores, places[known], rows["popularity"].cast(pl.Float64).to_numpy()[known])
        return scores


def _first_allowed(
    order: IntVector, user: int, held: IntVector, *, index: ItemIndex, exclusions: Exclusions, n_wanted: int
) -> IntVector:
    """The first n_wanted items of order that the user may be shown, of groups that are not held yet."""
    taken, found = set(held.tolist()), list[int]()
    for start in range(0, len(order), SLICE_ITEMS):
        part = order[start : start + SLICE_ITEMS]
        part = part[exclusions.codes_of(np.full(len(part), user), part) == ALLOWED]
        for item, group in zip(part.tolist(), index.group_codes[part].tolist(), strict=True):
            if group not in taken:
                taken.add(group)
                found.append(item)
                if len(found) == n_wanted:
                    return np.array(found, dtype=np.int64)
    return np.array(found, dtype=np.int64)
