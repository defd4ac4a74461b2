"""Fusion of several ranked lists by weighted reciprocal rank (Cormack, Clarke and Buettcher, SIGIR 2009)."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl


def fuse_lists(lists: Mapping[str, pl.DataFrame], *, weights: Mapping[str, float], rrf_k: int) -> pl.DataFrame:
    """One row a pair that any list holds: user, item, fused_score, n_sources, and `<source>_rank` (null: not in it).

    fused_score = sum over the lists that hold the pair of weight / (rrf_k + rank). lists: user, item, rank each.
    Rows are ordered by user, fused_score (best first), item. O(r log r) for r rows.
    """
    ranks = [f"{name}_rank" for name in lists]
    long = [
        hits.select("user", "item", pl.col("rank").alias(f"{name}_rank").cast(pl.UInt32))
        for name, hits in lists.items()
    ]
    pairs = pl.concat(long, how="diagonal").group_by("user", "item").agg(pl.col(name).max() for name in ranks)
    terms = [(weights[name] / (rrf_k + pl.col(f"{name}_rank"))).fill_null(0.0) for name in lists]
    held = [pl.col(name).is_not_null().cast(pl.UInt32) for name in ranks]
    return pairs.with_columns(
        pl.sum_horizontal(terms).cast(pl.Float64).alias("fused_score"),
        pl.sum_horizontal(held).cast(pl.UInt32).alias("n_sources"),
    ).sort("user", "fused_score", "item", descending=[False, True, False])
