"""What must not be recommended to a user, and how much of it the sources had found.

seen               the user knows the item
duplicate_of_seen  the user knows a near-duplicate of it
duplicate          a near-duplicate of it stands higher in the same list
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.retrieval.item_index import IntVector, ItemIndex
from tasks.retrieval.user_shard import UserShard


@dataclass(frozen=True)
class Exclusions:
    """keys: user * n + item of what is excluded, sorted; seen_keys: of what was seen; counts: (u,) keys a user."""

    n_items: int
    keys: IntVector
    seen_keys: IntVector
    counts: IntVector


def find_exclusions(index: ItemIndex, shard: UserShard) -> Exclusions:
    """Everything seen and all near-duplicates of it. O(seen items and the members of their groups)."""
    n = len(index)
    users = np.repeat(np.arange(len(shard)), np.diff(shard.seen_indptr))
    seen_keys = np.unique(users * n + shard.seen_items)
    if not n:
        return Exclusions(n, seen_keys, seen_keys, np.zeros(len(shard), dtype=np.int64))
    members = np.argsort(index.group_codes, kind="stable")
    sizes = np.bincount(index.group_codes)
    starts = np.cumsum(sizes) - sizes
    groups = np.unique(users * n + index.group_codes[shard.seen_items])
    owner, group = groups // n, groups % n
    lengths = sizes[group]
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    items = members[np.repeat(starts[group], lengths) + within]
    owners = np.repeat(owner, lengths)
    return Exclusions(n, np.sort(owners * n + items), seen_keys, np.bincount(owners, minlength=len(shard)))


def drop_excluded(hits: pl.DataFrame, exclusions: Exclusions) -> tuple[pl.DataFrame, IntVector]:
    """hits (user, item, ...) without the excluded pairs, and the keys of those that were dropped."""
    keys = hits["user"].cast(pl.Int64).to_numpy() * exclusions.n_items + hits["item"].cast(pl.Int64).to_numpy()
    is_out = np.isin(keys, exclusions.keys, assume_unique=False)
    return hits.filter(~is_out), keys[is_out]


def count_excluded(dropped_keys: IntVector, exclusions: Exclusions) -> dict[str, int]:
    """How many distinct pairs were dropped, by reason."""
    keys = np.unique(dropped_keys)
    n_seen = int(np.isin(keys, exclusions.seen_keys).sum())
    return {"seen": n_seen, "duplicate_of_seen": len(keys) - n_seen}


def drop_duplicates(ordered: pl.DataFrame, index: ItemIndex) -> tuple[pl.DataFrame, int]:
    """Of each near-duplicate group only a user's first row of `ordered` (user, item, best first), and how many went."""
    groups = pl.Series("group", index.group_codes[ordered["item"].cast(pl.Int64).to_numpy()])
    kept = ordered.with_columns(groups).unique(["user", "group"], keep="first", maintain_order=True).drop("group")
    return kept, len(ordered) - len(kept)
