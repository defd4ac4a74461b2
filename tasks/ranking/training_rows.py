"""Which rows the ranker learns from, and in which order they lie.

    user has labels only                   the labelled pairs; a pair that nobody judged says nothing
    user has a held-out interaction too    the candidates: unlabelled ones count as 0, for the user had the chance and
                                           chose something else

In the second case labelled pairs that are no candidates are left out: all non-candidates would be labelled and most
of them relevant, and the ranker would learn that to be no candidate is good.

Rows of a query (a user, or a user in one fold) lie together in the order of a hash: an order by label or by score would
leak through ties.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tasks.ranking.gains import ideal_dcg, query_keys
from tasks.ranking.hashing import hash_pairs
from tasks.ranking.weights import UNOBSERVED

MAX_ROWS_PER_QUERY = 10_000
"""LightGBM refuses larger queries: the limit is a constant of its DCG table (kMaxPosition), no parameter lifts it."""


@dataclass(frozen=True)
class TrainingRows:
    """frame: the features' columns and those below, users in the order of their ids. dropped: rows by reason.

    grade (i8), truth, sampling_probability (f64: of having been judged, or kept below), ideal_dcg (f64: DCG@10 of the
    best list of all that is known of the user, also of pairs that are no row).
    """

    frame: pl.DataFrame
    dropped: dict[str, int]


def select_training_rows(
    features: pl.DataFrame,
    truth: pl.DataFrame,
    *,
    seed: int,
    max_negatives: int = 1000,
    max_rows: int = MAX_ROWS_PER_QUERY,
) -> TrainingRows:
    """Join features with grades and add unlabelled candidates as negatives where the table above allows.

    features: user_id, item_id, fused_rank (NaN or null: not a candidate) and features, of one fold. truth: see
    merge_truth. Of a user's unlabelled candidates at most max_negatives stay, by hash, and each stands for as many as
    were left out; how a user with more than max_rows rows is cut, see _cut_query. O(rows log rows).
    """
    labels = truth.select("user_id", "item_id", "grade", "truth", "sampling_probability")
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
    share = (max_negatives / is_negative.sum().over("user_id")).clip(upper_bound=1.0)
    kept = rows.with_columns(share.alias("share")).filter((pl.col("is_labelled") & is_positioned) | is_sampled)
    filled = kept.with_columns(
        pl.col("grade").fill_null(0),
        pl.col("truth").fill_null(UNOBSERVED),
        pl.col("sampling_probability").fill_null(pl.col("share")),
    )
    cut = cut_long_queries(filled, max_rows)
    not_candidates = len(rows.filter(pl.col("is_labelled") & ~is_positioned))
    dropped = {
        "unlabelled": len(rows) - len(kept) - not_candidates,
        "not_a_candidate": not_candidates,
        "beyond_query_limit": len(filled) - len(cut),
    }
    frame = cut.drop("coin", "share", "is_labelled", "is_candidate", "is_active")
    return TrainingRows(frame.join(ideal_dcg(labels), on="user_id", how="left", maintain_order="left"), dropped)


def drop_flat_queries(frame: pl.DataFrame) -> pl.DataFrame:
    """frame (user_id, perhaps fold, grade, ...) without queries whose rows all have one grade: they hold no order."""
    return frame.filter((pl.col("grade").max() > pl.col("grade").min()).over(query_keys(frame)))


def cut_long_queries(frame: pl.DataFrame, max_rows: int) -> pl.DataFrame:
    """frame, each query with at most max_rows rows; columns user_id, grade, fused_rank, sampling_probability, coin."""
    sizes = frame.group_by("user_id", maintain_order=True).len()
    long = sizes.filter(pl.col("len") > max_rows)["user_id"]
    if not len(long):
        return frame
    is_long = pl.col("user_id").is_in(long.implode())
    parts = frame.filter(is_long).partition_by("user_id", maintain_order=True)
    cut = [_cut_query(part, max_rows) for part in parts]
    return pl.concat([frame.filter(~is_long), *cut]).sort("user_id", "coin")


def _cut_query(rows: pl.DataFrame, max_rows: int) -> pl.DataFrame:
    """The relevant rows; of the others the best placed, for half of the room; for the rest of it a sample by hash.

    Each of the sample stands for as many as were left out: its sampling_probability falls by the share that was kept.
    If there are more relevant rows than room, the highest grades stay.
    """
    relevant = rows.filter(pl.col("grade") > 0).sort("grade", "coin", descending=[True, False]).head(max_rows)
    others = rows.filter(pl.col("grade") == 0)
    room = max_rows - len(relevant)
    place = pl.col("fused_rank").fill_nan(None)
    by_place = others.sort(place, pl.col("coin"), nulls_last=True)
    best, rest = by_place.head(room // 2), by_place.slice(room // 2)
    drawn = rest.sort("coin").head(room - len(best))
    share = len(drawn) / len(rest) if len(rest) else 1.0
    return pl.concat([relevant, best, drawn.with_columns(pl.col("sampling_probability") * share)])
