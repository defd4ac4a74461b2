"""Condensed lists and bpref, for pools in which labels are missing (Sakai 2007; Buckley and Voorhees 2004).

A condensed list is a list without its unlabelled items: what is left moves up, and any metric is taken of that. It does
not punish a system for finding what nobody judged, where plain metrics count such items as not relevant. In return it
forgives rubbish that nobody judged, and favours systems that were not pooled. So it stands beside the estimates by
propensity, and does not replace them.
"""

from __future__ import annotations

import polars as pl


def condense(lists: pl.DataFrame, qrels: pl.DataFrame) -> pl.DataFrame:
    """The labelled rows of ranked lists (user_id, item_id, rank), ranked 1, 2, 3 … again. O(rows log rows)."""
    judged = lists.select("user_id", "item_id", "rank").join(qrels, on=["user_id", "item_id"], how="semi")
    return close_gaps(judged)


def close_gaps(lists: pl.DataFrame) -> pl.DataFrame:
    """Ranked lists with ranks 1, 2, 3 … in the same order: for lists whose gaps mean nothing."""
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("user_id")
    return lists.sort("user_id", "rank").select("user_id", "item_id", rank=rank)


def bpref(lists: pl.DataFrame, qrels: pl.DataFrame, *, relevant_grade: int = 2) -> pl.DataFrame:
    """user_id and bpref in [0, 1], one row a user with a relevant label, in the order of ids.

    bpref = 1 / R * sum over listed relevant i of (1 - min(n_i, R, N) / min(R, N)), where R and N count the user's
    relevant and other labels, and n_i the others that stand above i; a term is 1 where n_i = 0. As trec_eval has it.
    """
    labels = qrels.select("user_id", "item_id", is_relevant=pl.col("grade") >= relevant_grade)
    totals = labels.group_by("user_id").agg(
        n_relevant=pl.col("is_relevant").sum().cast(pl.Float64), n_other=(~pl.col("is_relevant")).sum().cast(pl.Float64)
    )
    rows = lists.select("user_id", "item_id", "rank").join(labels, on=["user_id", "item_id"]).sort("user_id", "rank")
    above = (~pl.col("is_relevant")).cast(pl.Int64).cum_sum().over("user_id").cast(pl.Float64)
    found = rows.with_columns(above=above).filter("is_relevant").join(totals, on="user_id")
    smaller = pl.min_horizontal("n_relevant", "n_other")
    term = pl.when(pl.col("above") > 0).then(1.0 - pl.min_horizontal("above", smaller) / smaller).otherwise(1.0)
    sums = found.group_by("user_id").agg(total=term.sum())
    users = totals.filter(pl.col("n_relevant") > 0).join(sums, on="user_id", how="left").sort("user_id")
    return users.select("user_id", bpref=pl.col("total").fill_null(0.0) / pl.col("n_relevant"))
