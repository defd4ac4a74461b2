"""Truth: what is known of users that the sources were not told. Reads current_judge_labels and pair_history."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tasks.contracts.context import StepContext
from tasks.ranking.truth import merge_truth
from warehouse.connection import Warehouse


def users_with_truth(warehouse: Warehouse, context: StepContext) -> list[str]:
    """Users with a judge's label or a held-out interaction that has a grade, in the order of their ids."""
    truth = context.catalog.relevance.truth
    found = warehouse.query(
        "queries/users_with_truth",
        catalog=context.catalog.name,
        use_judge="judge" in truth,
        use_interactions="interactions" in truth,
    )
    return found["user_id"].to_list()


def read_truth(warehouse: Warehouse, context: StepContext, user_ids: Sequence[str]) -> pl.DataFrame:
    """One row a pair: user_id, item_id, grade, truth, sampling_probability; see merge_truth. Needs pair_history."""
    ids = list(user_ids)
    held_out = warehouse.query("queries/shard_history", user_ids=ids).filter(
        pl.col("is_held_out") & pl.col("grade").is_not_null()
    )
    judged = warehouse.query("queries/shard_labels", catalog=context.catalog.name, user_ids=ids)
    known = warehouse.query("queries/shard_history", user_ids=ids).filter(~pl.col("is_held_out") & pl.col("is_seen"))
    unknown = judged.join(known, on=["user_id", "item_id"], how="anti")
    return merge_truth(
        judge=unknown,
        interactions=held_out.select("user_id", "item_id", "grade"),
        order=context.catalog.relevance.truth,
    )
