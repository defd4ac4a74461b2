"""Lists to compare a ranker with: each single source, their fusion, what is popular, and chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl


def lists_of_sources(candidates: pl.DataFrame, sources: Sequence[str]) -> dict[str, pl.DataFrame]:
    """The list of each single source and of the fusion ("fusion"), as user_id, item_id, rank without gaps."""
    columns = {**{source: f"{source}_rank" for source in sources}, "fusion": "fused_rank"}
    return {name: _dense_ranks(candidates, column) for name, column in columns.items()}


def popular_lists(user_ids: pl.Series, popularity: pl.DataFrame, *, seen: pl.DataFrame, k: int) -> pl.DataFrame:
    """The baseline "popularity": the k most popular items that a user has not seen; ties go by item id.

    popularity: item_id, popularity. seen: user_id, item_id. O(users * (k + the user's seen items)).
    """
    ranked = popularity.sort(["popularity", "item_id"], descending=[True, False])["item_id"].to_list()
    known = _seen_by_user(seen)
    rows = []
    for user in user_ids:
        excluded = known.get(user, set())
        kept = [item for item in ranked[: k + len(excluded)] if item not in excluded][:k]
        rows.append((user, kept))
    return _lists(rows, user_ids.dtype, popularity["item_id"].dtype)


def draw_random_lists(
    user_ids: pl.Series, item_ids: pl.Series, *, seen: pl.DataFrame, k: int, seed: int
) -> pl.DataFrame:
    """The baseline "random": k items for each user, drawn from item_ids without those of seen (user_id, item_id).

    One seeded draw, the same for the same ids in the same order. O(users * (k + seen)).
    """
    draw = np.random.default_rng(seed)
    known = _seen_by_user(seen)
    items = item_ids.to_list()
    rows = []
    for user in user_ids:
        excluded = known.get(user, set())
        size = min(len(items), k + len(excluded))
        places = draw.choice(len(items), size=size, replace=False, shuffle=True)
        rows.append((user, [items[place] for place in places if items[place] not in excluded][:k]))
    return _lists(rows, user_ids.dtype, item_ids.dtype)


def _seen_by_user(seen: pl.DataFrame) -> dict[object, set[object]]:
    return {user: set(items) for user, items in seen.group_by("user_id").agg("item_id").iter_rows()}


def _lists(
    rows: Sequence[tuple[object, Sequence[object]]], user_type: pl.DataType, item_type: pl.DataType
) -> pl.DataFrame:
    columns = [
        pl.Series("user_id", [user for user, items in rows for _ in items], dtype=user_type),
        pl.Series("item_id", [item for _, items in rows for item in items], dtype=item_type),
        pl.Series("rank", [rank for _, items in rows for rank in range(1, len(items) + 1)], dtype=pl.UInt32),
    ]
    return pl.DataFrame(columns)


def _dense_ranks(candidates: pl.DataFrame, column: str) -> pl.DataFrame:
    found = candidates.filter(pl.col(column).is_not_null()).sort("user_id", column)
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("user_id")
    return found.select("user_id", "item_id", rank.alias("rank"))
