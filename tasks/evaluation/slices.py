"""Slices: parts of the truth on which systems are compared once more, since a mean over all can hide who is served badly.

activity:LOW-HIGH   users with so many known items; the bins are fixed, so that a night compares with another
topic:NAME          only relevant items of the topic count (by its first topic); lists stay whole, so that relevant
                    items of other topics are, here, not relevant
items:new           the same for items that are new: published lately, or without any known interaction
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

ACTIVITY_EDGES = (0, 1, 5, 20, 100)
MAX_TOPICS = 20


def slice_by_activity(
    qrels: pl.DataFrame, history_sizes: pl.DataFrame, *, edges: Sequence[int] = ACTIVITY_EDGES
) -> dict[str, pl.DataFrame]:
    """qrels of the users whose history size lies in each bin [edge, next edge); history_sizes: user_id, n_items.

    A user who is not in history_sizes has none. Bins without a user are left out.
    """
    sized = qrels.join(history_sizes.select("user_id", "n_items"), on="user_id", how="left", maintain_order="left")
    sized = sized.with_columns(pl.col("n_items").fill_null(0))
    slices = {}
    for place, low in enumerate(edges):
        is_last = place + 1 == len(edges)
        high = None if is_last else edges[place + 1]
        is_in = pl.col("n_items") >= low if high is None else pl.col("n_items").is_between(low, high - 1)
        name = f"{low}+" if high is None else str(low) if high == low + 1 else f"{low}-{high - 1}"
        chosen = sized.filter(is_in).drop("n_items")
        if len(chosen):
            slices[f"activity:{name}"] = chosen
    return slices


def slice_by_topic(
    qrels: pl.DataFrame, topics: pl.DataFrame, *, relevant_grade: int, max_topics: int = MAX_TOPICS
) -> dict[str, pl.DataFrame]:
    """qrels of each topic's items; topics: item_id, primary_topic (null: none). Of many topics those with most users."""
    known = topics.filter(pl.col("primary_topic").is_not_null()).select("item_id", "primary_topic")
    joined = qrels.join(known, on="item_id", maintain_order="left")
    sizes = (
        joined.filter(pl.col("grade") >= relevant_grade)
        .group_by("primary_topic")
        .agg(pl.col("user_id").n_unique())
        .sort(["user_id", "primary_topic"], descending=[True, False])
    )
    chosen = sizes["primary_topic"].head(max_topics).sort()
    return {f"topic:{topic}": joined.filter(pl.col("primary_topic") == topic).drop("primary_topic") for topic in chosen}


def slice_new_items(qrels: pl.DataFrame, new_items: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """qrels of new items (item_id); nothing when none is labelled."""
    chosen = qrels.join(new_items.select("item_id").unique(), on="item_id", how="semi", maintain_order="left")
    return {"items:new": chosen} if len(chosen) else {}
