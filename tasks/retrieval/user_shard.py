"""Some users of one catalog as arrays: profiles, histories and what they have seen. One shard is in memory at a time.

Reads frames that a step hands in; writes nothing. A history may hold items of other catalogs (a reader of news can be
recommended books): these have a vector and a title, but no position in the catalog's index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from tasks.contracts.errors import StepError
from tasks.retrieval.item_index import BoolVector, FloatMatrix, FloatVector, IntVector, ItemIndex, unit_rows

HISTORY_COLUMNS = ("user_id", "item_id", "weight", "age_days")


@dataclass(frozen=True)
class ForeignHistory:
    """What users did in other catalogs: rows has HISTORY_COLUMNS, item i has title i and row i of vectors (v, d)."""

    rows: pl.DataFrame
    item_ids: pl.Series
    titles: Sequence[str]
    vectors: FloatMatrix


@dataclass(frozen=True)
class UserQueries:
    """Search texts of users: row i is user users[i]'s (sorted), vectors (q, d) unit rows, what is_avoided is to be far from."""

    users: IntVector
    vectors: FloatMatrix
    is_avoided: BoolVector


@dataclass(frozen=True)
class UserShard:
    """u users. Entries indptr[i] to indptr[i + 1] of the history_* arrays are user i's, newest first.

    profile_vectors: (u, d) unit rows, zero where has_profile is False. profile_texts: "" where there is none; wanted_texts: the
    same without what the user says to avoid.
    history_items: position in the index, -1 for an item of another catalog. history_weights: event weight, halved every
    half-life; <= 0 says dislike, and only `seen` heeds it. history_ages: days. history_rows: the row of the item's
    vector and title in item_vectors (v, d) and item_titles: those of the index or, where items of other catalogs are among
    the histories, a pool that holds each distinct item once.
    seen_indptr, seen_items: positions that must not be recommended, sorted within a user. blocked_indptr, blocked_items:
    the same of what the user never wants. segments: the user's segment, "" where unknown. fields: the columns that the
    catalog's rules read. queries: search texts made of profile and history. derived: what sources made of the shard, by
    what it was made with, so that it is made once.
    """

    user_ids: pl.Series
    profile_vectors: FloatMatrix
    has_profile: BoolVector
    profile_texts: list[str]
    wanted_texts: list[str]
    indptr: IntVector
    history_items: IntVector
    history_weights: FloatVector
    history_ages: FloatVector
    history_rows: IntVector
    item_vectors: FloatMatrix
    item_titles: list[str]
    seen_indptr: IntVector
    seen_items: IntVector
    blocked_indptr: IntVector
    blocked_items: IntVector
    segments: list[str]
    fields: Mapping[str, pl.Series] = field(default_factory=dict)
    queries: UserQueries | None = None
    derived: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.user_ids)

    def liked_entries(self, limit: int) -> tuple[IntVector, IntVector]:
        """(user rows, history entries): each user's newest `limit` entries of positive weight."""
        users = np.repeat(np.arange(len(self)), np.diff(self.indptr))
        liked = np.flatnonzero(self.history_weights > 0)
        users = users[liked]
        nth = np.arange(len(users)) - np.searchsorted(users, users)
        kept = nth < limit
        return users[kept], liked[kept]


def build_user_shard(
    users: pl.DataFrame,
    profile_vectors: FloatMatrix,
    *,
    index: ItemIndex,
    history: pl.DataFrame,
    half_life_days: float,
    seen: pl.DataFrame | None = None,
    foreign: ForeignHistory | None = None,
    blocked: pl.DataFrame | None = None,
    queries: UserQueries | None = None,
) -> UserShard:
    """Arrays of the users of one shard.

    users: user_id, profile_text (may be null); row i of profile_vectors (u, d) is user i's, zero or NaN: none.
    history: HISTORY_COLUMNS, items of this catalog; rows of other users or of unknown items are ignored, and several
    rows of one pair become one (weights add up, the youngest age). seen: user_id, item_id; without it the history.
    blocked: user_id, item_id. Without a column wanted_text all of profile_text is wanted. Other columns of users are its
    segment and the fields of the rules.
    Raises StepError on a repeated user or a missing column. O(m log m) for m history rows.
    """
    _check_users(users, profile_vectors, history)
    rows = pl.DataFrame({"user_id": users["user_id"], "user": np.arange(len(users), dtype=np.int64)})
    own = _own_entries(history, rows, index)
    vectors, titles, parts = index.vectors, index.titles, [own]
    if foreign is not None:
        own, pool_items = _pool(own)
        parts = [own, _foreign_entries(foreign, rows, len(pool_items))]
        vectors = np.concatenate([index.vectors[pool_items], unit_rows(foreign.vectors)[0]])
        titles = [*(index.titles[item] for item in pool_items), *foreign.titles]
    entries = _merge_entries(pl.concat(parts), half_life_days)
    seen_indptr, seen_items = _own_pairs(history if seen is None else seen, rows, index)
    blocked_indptr, blocked_items = _own_pairs(blocked, rows, index)
    unit, has_profile = unit_rows(profile_vectors)
    wanted = "wanted_text" if "wanted_text" in users.columns else "profile_text"
    extra = [name for name in users.columns if name not in ("user_id", "profile_text", "wanted_text")]
    segments = users["segment"].fill_null("").to_list() if "segment" in users.columns else [""] * len(users)
    return UserShard(
        user_ids=users["user_id"],
        profile_vectors=unit,
        has_profile=has_profile,
        profile_texts=users["profile_text"].cast(pl.String).fill_null("").to_list(),
        wanted_texts=users[wanted].cast(pl.String).fill_null("").to_list(),
        indptr=_row_starts(entries["user"].to_numpy(), len(users)),
        history_items=entries["item"].to_numpy(),
        history_weights=entries["weight"].to_numpy(),
        history_ages=entries["age_days"].to_numpy(),
        history_rows=entries["pool"].to_numpy(),
        item_vectors=vectors,
        item_titles=titles,
        seen_indptr=seen_indptr,
        seen_items=seen_items,
        blocked_indptr=blocked_indptr,
        blocked_items=blocked_items,
        segments=segments,
        fields={name: users[name] for name in extra},
        queries=queries,
    )


def _check_users(users: pl.DataFrame, profile_vectors: FloatMatrix, history: pl.DataFrame) -> None:
    absent = [name for name in ("user_id", "profile_text") if name not in users.columns]
    absent += [name for name in HISTORY_COLUMNS if name not in history.columns]
    if absent:
        raise StepError(f"column {absent[0]!r} is missing; users need user_id, profile_text, history {HISTORY_COLUMNS}")
    twice = users["user_id"].filter(users["user_id"].is_duplicated())
    if len(twice):
        raise StepError(f"user_id {twice[0]!r} occurs more than once in a shard; give one row a user")
    if profile_vectors.ndim != 2 or len(profile_vectors) != len(users):
        raise StepError(f"profile_vectors have shape {profile_vectors.shape} for {len(users)} users; give a row a user")


def _own_pairs(pairs: pl.DataFrame | None, rows: pl.DataFrame, index: ItemIndex) -> tuple[IntVector, IntVector]:
    """Where each user's items begin, and the items, sorted within a user, each once."""
    if pairs is None or pairs.is_empty():
        return np.zeros(len(rows) + 1, dtype=np.int64), np.empty(0, dtype=np.int64)
    own, items = _place(pairs, rows, index)
    keys = np.unique(own["user"].to_numpy() * max(1, len(index)) + items)
    users, items = np.divmod(keys, max(1, len(index)))
    return _row_starts(users, len(rows)), items


def _place(frame: pl.DataFrame, rows: pl.DataFrame, index: ItemIndex) -> tuple[pl.DataFrame, IntVector]:
    """The rows of the shard's users and the index's items, with the user's row as `user`; and the items' positions."""
    own = frame.join(rows, on="user_id")
    items = index.locate(own["item_id"])
    known = np.flatnonzero(items >= 0)
    return (own, items) if len(known) == len(items) else (own[known], items[known])


def _own_entries(history: pl.DataFrame, rows: pl.DataFrame, index: ItemIndex) -> pl.DataFrame:
    own, items = _place(history, rows, index)
    codes = [pl.Series(name, items, dtype=pl.Int64) for name in ("item", "pool")]
    return own.select("user", *codes, "weight", "age_days")


def _pool(own: pl.DataFrame) -> tuple[pl.DataFrame, IntVector]:
    """own with places in a pool of its items alone, to which others can be added; and the items of the pool."""
    pool_items, pool = np.unique(own["item"].to_numpy(), return_inverse=True)
    return own.with_columns(pl.Series("pool", pool.astype(np.int64))), pool_items


def _foreign_entries(foreign: ForeignHistory, rows: pl.DataFrame, offset: int) -> pl.DataFrame:
    if not len(foreign.item_ids) == len(foreign.titles) == len(foreign.vectors):
        raise StepError(
            f"foreign items have {len(foreign.item_ids)} ids, {len(foreign.titles)} titles and {len(foreign.vectors)}"
            " vectors; give one of each an item"
        )
    pool = np.arange(offset, offset + len(foreign.item_ids), dtype=np.int64)
    pools = pl.DataFrame({"item_id": foreign.item_ids, "pool": pool})
    found = foreign.rows.select(HISTORY_COLUMNS).join(rows, on="user_id").join(pools, on="item_id")
    return found.select("user", pl.lit(-1, dtype=pl.Int64).alias("item"), "pool", "weight", "age_days")


def _merge_entries(entries: pl.DataFrame, half_life_days: float) -> pl.DataFrame:
    age = pl.col("age_days").cast(pl.Float64).fill_null(0.0).clip(0.0)
    decayed = pl.col("weight").cast(pl.Float64) * (-age / half_life_days * np.log(2.0)).exp()
    merged = entries.select("user", "item", "pool", weight=decayed, age_days=age)
    users, pools = entries["user"].to_numpy(), entries["pool"].to_numpy()
    if len(np.unique(users * (pools.max(initial=0) + 1) + pools)) < len(entries):
        merged = merged.group_by("user", "item", "pool").agg(pl.col("weight").sort().sum(), pl.col("age_days").min())
    return merged.with_columns(pl.col("weight").fill_null(0.0)).sort("user", "age_days", "pool")


def _row_starts(users: IntVector, n_users: int) -> IntVector:
    return np.searchsorted(users, np.arange(n_users + 1)).astype(np.int64)
