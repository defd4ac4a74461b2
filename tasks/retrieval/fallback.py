"""The last resort: a user about whom no source knows enough gets popular items, then the newest ones."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.retrieval.filters import Exclusions, drop_duplicates, drop_excluded
from tasks.retrieval.item_index import IntVector, ItemIndex


def order_by_appeal(index: ItemIndex) -> IntVector:
    """Positions of the active items, one of each near-duplicate group: most popular, then newest, then by id."""
    published = np.nan_to_num(index.published_days, nan=-np.inf)
    order = np.lexsort((np.arange(len(index)), -published, -index.popularity))
    order = order[index.is_active[order]]
    _, first = np.unique(index.group_codes[order], return_index=True)
    return order[np.sort(first)]


def fill_short_lists(
    fused: pl.DataFrame, *, n_users: int, target: int, index: ItemIndex, exclusions: Exclusions
) -> pl.DataFrame:
    """fused (user, item, ..., best first a user) with every list filled up to `target` rows where items are left.

    Filled rows come last, with n_sources 0, fused_score 0 and null ranks. O(n log n + filled rows).
    """
    have = np.bincount(fused["user"].cast(pl.Int64).to_numpy(), minlength=n_users)
    short = np.flatnonzero(have < target)
    if not len(short) or not len(index):
        return fused
    order = order_by_appeal(index)
    lengths = np.minimum(len(order), target + have[short] + exclusions.counts[short])
    nth = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    rows = pl.DataFrame(
        {"user": np.repeat(short, lengths).astype(np.uint32), "item": order[nth].astype(np.uint32)},
    ).with_columns(fused_score=pl.lit(0.0), n_sources=pl.lit(0, dtype=pl.UInt32))
    rows, _ = drop_excluded(rows, exclusions)
    both = pl.concat([fused, rows], how="diagonal").sort("user", maintain_order=True)
    kept, _ = drop_duplicates(both, index)
    nth_kept = pl.int_range(pl.len()).over("user")
    return kept.filter((pl.col("n_sources") > 0) | (nth_kept < target))
