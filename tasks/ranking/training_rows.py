"""Which rows the ranker learns from, and in which order they lie.

    user has judge labels only             the judged pairs; a pair that nobody judged says nothing
    user has a held-out interaction too    the candidates: unlabelled ones count as 0, for the user had the chance and
                                           chose something else

In the second case labelled pairs that are no candidates are left out: all non-candidates would be labelled and most
of them relevant, and the ranker would learn that to be no candidate is good.

Rows of a user lie together in the order of a hash: an order by label or by score would leak through ties.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tasks.ranking.hashing import hash_pairs

MAX_ROWS_PER_USER = 10_000
"""LightGBM refuses larger queries."""


@dataclass(frozen=True)
class TrainingRows:
    """frame: the features' columns, grade (i8) and truth; users in the order of their ids. dropped: rows by reason."""

    frame: pl.DataFrame
    dropped: dict[str, int]


def select_training_rows(
    features: pl.DataFrame,
    truth: pl.DataFrame,
    *,
    seed: int,
    max_negatives: int = 1000,
    max_rows: int = MAX_ROWS_PER_USER,
) -> TrainingRows:
    """Join features with grades and add unlabelled candidates as negatives where the table above allows.

    features: user_id, item_id, fused_rank (NaN or null: not a candidate) and features. truth: see merge_truth. Of a
    user's unlabelled candidates at most max_negatives stay, by hash. A user with more than max_rows rows keeps the
    relevant ones, then the best placed. O(rows log rows).
    """
    labels = truth.select("user_id", "item_id", "grade", "truth")
    joined = features.join(labels, on=["user_id", "item_id"], how="left", maintain_order="left")
    coins = pl.Series("coin", hash_pairs(joined["user_id"], joined["item_id"], seed=seed))
    active = truth.filter("has_interaction")["user_id"].unique()
    rows = joined.with_columns(
        coins,
        is_labelled=pl.col("grade").is_not_null(),
        is_candidate=pl.col("fused_rank").is_not_nan().fill_null(value=False),
        is_active=pl.col("user_id").is_in(active.implode()),
    ).sort("user_id", "coin")
    is_negative = ~pl.col("is_labelled") & pl.col("is_candidate") & pl.col("is_active")
    is_positioned = pl.col("is_candidate") | ~pl.col("is_active")
    is_sampled = is_negative & (is_negative.cum_sum().over("user_id") <= max_negatives)
    kept = rows.filter((pl.col("is_labelled") & is_positioned) | is_sampled)
    filled = kept.with_columns(pl.col("grade").fill_null(0), pl.col("truth").fill_null("unobserved"))
    cut = _cut_long_groups(filled, max_rows)
    not_candidates = len(rows.filter(pl.col("is_labelled") & ~is_positioned))
    dropped = {
        "unlabelled": len(rows) - len(kept) - not_candidates,
        "not_a_candidate": not_candidates,
        "beyond_group_limit": len(filled) - len(cut),
    }
    return TrainingRows(cut.drop("coin", "is_labelled", "is_candidate", "is_active"), dropped)


def drop_flat_groups(frame: pl.DataFrame) -> pl.DataFrame:
    """frame (user_id, grade, ...) without users whose rows all have one grade: no order can be learnt from them."""
    return frame.filter((pl.col("grade").max() > pl.col("grade").min()).over("user_id"))


def _cut_long_groups(frame: pl.DataFrame, max_rows: int) -> pl.DataFrame:
    place = pl.struct(-pl.col("grade").cast(pl.Float64), pl.col("fused_rank").fill_nan(None).fill_null(1e9))
    return frame.filter(place.rank("ordinal").over("user_id") <= max_rows)
