"""The top of each user's list: ordered, without near-duplicates, ranked from 1 without a gap."""

from __future__ import annotations

import polars as pl

from tasks.contracts.errors import StepError

FALLBACK_SOURCE = "fallback"
"""The source of a row that no candidate source found."""


def take_top(scored: pl.DataFrame, *, n: int, groups: pl.DataFrame | None = None) -> pl.DataFrame:
    """The n best rows of each user: all columns of `scored`, and rank (u32, from 1).

    scored: user_id, item_id, score, and any more; equal scores go by fused_rank where there is one, then by item_id.
    groups: item_id, group_code of near-duplicates, of which only the best stays. Raises StepError on a NaN score.
    O(rows log rows).
    """
    if scored["score"].is_nan().any() or scored["score"].null_count():
        bad = scored.filter(pl.col("score").is_nan() | pl.col("score").is_null())["item_id"][0]
        raise StepError(f"item {bad!r} has no score; score every row before the top is taken")
    ties = ["fused_rank"] if "fused_rank" in scored.columns else []
    keys = ["user_id", "score", *ties, "item_id"]
    best = scored.sort(keys, descending=[key == "score" for key in keys], nulls_last=True)
    best = best.unique(["user_id", "item_id"], keep="first", maintain_order=True)
    if groups is not None:
        coded = best.join(groups.select("item_id", "group_code"), on="item_id", how="left", maintain_order="left")
        alone = pl.struct(pl.col("group_code"), pl.when(pl.col("group_code").is_null()).then(pl.col("item_id")))
        best = coded.with_columns(alone.alias("group_code"))
        best = best.unique(["user_id", "group_code"], keep="first", maintain_order=True).drop("group_code")
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("user_id")
    return best.with_columns(rank=rank).filter(pl.col("rank") <= n)


def list_sources(candidates: pl.DataFrame, *, within: int | None = None) -> pl.Series:
    """For each row the names of the sources that found it, best rank first; ["fallback"] where none did.

    within: only sources that have it among their first so many.
    """
    ranks = [name for name in candidates.columns if name.endswith("_rank") and name != "fused_rank"]
    names = [name.removesuffix("_rank") for name in ranks]
    found = [
        [
            name
            for rank, name in sorted((rank, name) for rank, name in zip(row, names, strict=True) if rank is not None)
            if within is None or rank <= within
        ]
        for row in candidates.select(ranks).iter_rows()
    ]
    return pl.Series("sources", [row or [FALLBACK_SOURCE] for row in found], dtype=pl.List(pl.String))
