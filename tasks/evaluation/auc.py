"""AUC: the chance that a relevant item stands above one that is not, both drawn from one user's items; ties count half.

    auc = sum over relevant i, other j of w_i w_j ([s_i > s_j] + [s_i = s_j] / 2), divided by sum over i, j of w_i w_j

w = 1 / sampling probability (see metrics), so that over a sampled pool it estimates the AUC over all items. An item that
the list lacks stands below all that it has, tied with the others that it lacks (Hanley and McNeil 1982: the area under
the ROC curve). Without a list a user's AUC is 0.5.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.contracts.errors import StepError


def auc_of_scores(
    scored: pl.DataFrame, qrels: pl.DataFrame, *, relevant_grade: int = 2, unlabelled: pl.DataFrame | None = None
) -> pl.DataFrame:
    """user_id and auc in [0, 1], one row a user who has relevant and other items, in the order of ids.

    scored: user_id, item_id, score (higher is better). qrels as evaluate_lists takes them: labelled items are compared.
    unlabelled (user_id, n_items): users who could choose from the whole catalog, of whom n_items items without a label
    count as not relevant too, whether they are in the list or not. Raises StepError on a missing score. O(rows log rows).
    """
    if scored["score"].cast(pl.Float64).is_nan().any() or scored["score"].null_count():
        raise StepError("an item has no score; give every row one, or leave the row out")
    weight = 1.0 / pl.col("sampling_probability") if "sampling_probability" in qrels.columns else pl.lit(1.0)
    labels = qrels.select(
        "user_id", "item_id", (pl.col("grade") >= relevant_grade).alias("is_relevant"), weight.alias("weight")
    )
    scores = scored.select("user_id", "item_id", pl.col("score").cast(pl.Float64))
    rows = labels.join(scores, on=["user_id", "item_id"], how="left").with_columns(pl.col("score").fill_null(-np.inf))
    rows = rows.select("user_id", "is_relevant", "weight", "score")
    if unlabelled is not None:
        rows = pl.concat([rows, *_unlabelled_rows(scores, labels, unlabelled)])
    own = pl.col("weight").filter("is_relevant").sum().alias("relevant")
    other = pl.col("weight").filter(~pl.col("is_relevant")).sum().alias("other")
    ties = rows.group_by("user_id", "score").agg(own, other).sort("user_id", "score")
    below = pl.col("other").cum_sum().over("user_id") - pl.col("other") / 2
    pairs = pl.col("relevant").sum() * pl.col("other").sum()
    users = (
        ties.with_columns(below.alias("below"))
        .group_by("user_id")
        .agg((pl.col("relevant") * pl.col("below")).sum().alias("won"), pairs.alias("pairs"))
    )
    return users.filter(pl.col("pairs") > 0).select("user_id", auc=pl.col("won") / pl.col("pairs")).sort("user_id")


def _unlabelled_rows(scores: pl.DataFrame, labels: pl.DataFrame, unlabelled: pl.DataFrame) -> list[pl.DataFrame]:
    """Items of the lists that have no label, and a row a user for all that stand in neither."""
    listed = scores.join(unlabelled, on="user_id", how="semi").join(labels, on=["user_id", "item_id"], how="anti")
    rest = unlabelled.join(listed.group_by("user_id").agg(n_listed=pl.len()), on="user_id", how="left")
    n_rest = (pl.col("n_items").cast(pl.Float64) - pl.col("n_listed").fill_null(0)).clip(lower_bound=0.0)
    none = pl.lit(value=False).alias("is_relevant")
    return [
        listed.select("user_id", none, pl.lit(1.0).alias("weight"), "score"),
        rest.select("user_id", none, n_rest.alias("weight"), pl.lit(-np.inf).alias("score")),
    ]


def scores_of_ranks(lists: pl.DataFrame) -> pl.DataFrame:
    """Ranked lists (user_id, item_id, rank) as scored ones: the score is the negative rank."""
    return lists.select("user_id", "item_id", score=-pl.col("rank").cast(pl.Float64))
