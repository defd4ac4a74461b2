"""Fusion of several ranked lists into one: by weighted reciprocal rank, or by weighted standardised scores.

reciprocal-rank  (Cormack, Clarke and Buettcher, SIGIR 2009) looks at places alone, so no source's scale matters
weighted-scores  looks at how far an item stands out in each source; what the textbooks call a hybrid with weights
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from tasks.retrieval.item_index import FloatVector, IntVector

DECIMALS = 9


def join_lists(lists: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """One row a pair that any list (user, item, rank) holds: user, item, `<source>_rank` (null: not in it), n_sources.

    Rows are ordered by user, item. O(r log r) for r rows.
    """
    ranks = [f"{name}_rank" for name in lists]
    long = [
        hits.select("user", "item", pl.col("rank").alias(f"{name}_rank").cast(pl.UInt32))
        for name, hits in lists.items()
    ]
    pairs = pl.concat(long, how="diagonal").group_by("user", "item").agg(pl.col(name).max() for name in ranks)
    held = [pl.col(name).is_not_null().cast(pl.UInt32) for name in ranks]
    return pairs.with_columns(pl.sum_horizontal(held).cast(pl.UInt32).alias("n_sources")).sort("user", "item")


def fuse_ranks(pairs: pl.DataFrame, *, weights: Mapping[str, float], rrf_k: int) -> pl.Series:
    """fused_score of each pair (see join_lists): the sum over the lists that hold it of weight / (rrf_k + rank)."""
    terms = [(weight / (rrf_k + pl.col(f"{name}_rank"))).fill_null(0.0) for name, weight in weights.items()]
    total = pl.sum_horizontal(terms) if terms else pl.lit(0.0)
    return pairs.with_columns(fused_score=total.cast(pl.Float64))["fused_score"]


def fuse_scores(users: IntVector, scores: Mapping[str, FloatVector], *, weights: Mapping[str, float]) -> FloatVector:
    """fused_score of each pair: the sum over the sources of weight * standardised score.

    users: (r,) ascending; scores: (r,) of each source, NaN where it can't score the pair. A score is standardised among
    the user's pairs: minus the mean, divided by the standard deviation (denominator r). A pair that a source can't
    score gets the lowest of the user's standardised scores; where it scores none of the user's pairs, or all alike, it
    adds 0. O(r) a source.
    """
    total = np.zeros(len(users))
    for name, weight in weights.items():
        total += weight * _standardise(users, scores[name])
    return np.round(total, DECIMALS)


def order_fused(fused: pl.DataFrame) -> pl.DataFrame:
    """Rows by user, fused_score (best first), item."""
    return fused.sort("user", "fused_score", "item", descending=[False, True, False])


def _standardise(users: IntVector, scores: FloatVector) -> FloatVector:
    if not len(users):
        return np.zeros(0)
    _, first = np.unique(users, return_index=True)
    sizes = np.diff(np.append(first, len(users)))
    known = ~np.isnan(scores)
    counts = np.maximum(np.add.reduceat(known.astype(np.float64), first), 1.0)
    means = np.add.reduceat(np.where(known, scores, 0.0), first) / counts
    centred = np.where(known, scores - np.repeat(means, sizes), 0.0)
    deviations = np.sqrt(np.add.reduceat(centred**2, first) / counts)
    is_flat = deviations <= 10.0**-DECIMALS
    standard = centred / np.repeat(np.where(is_flat, 1.0, deviations), sizes)
    lowest = np.minimum.reduceat(np.where(known, standard, np.inf), first)
    lowest = np.where(np.isfinite(lowest) & ~is_flat, lowest, 0.0)
    return np.where(np.repeat(is_flat, sizes), 0.0, np.where(known, standard, np.repeat(lowest, sizes)))
