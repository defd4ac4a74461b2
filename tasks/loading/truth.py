"""Truth: what is known of users that the sources were not told. Reads pair_grades and pair_history."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.hashing import hash_ids
from tasks.loading.shard_history import load_named_items
from tasks.ranking.truth import merge_truth
from warehouse.connection import Warehouse


def users_with_truth(warehouse: Warehouse, context: StepContext, *, fold: int) -> list[str]:
    """Users with an interaction that the fold holds out and that has a grade, in the order of their ids.

    In fold 0 also those with a label of a person or a judge, which is true in every fold and need not be learnt several
    times. Of more than ranking.max_users users those with labels count, and as many more by the hash of their ids: the same
    ones each night and in each fold.
    """
    catalog = context.catalog
    truth = catalog.relevance.truth
    found = warehouse.query(
        "queries/users_with_truth",
        catalog=catalog.name,
        fold=fold,
        truths=list(truth),
        use_interactions="interactions" in truth,
    )
    if found.height <= catalog.ranking.max_users:
        return found["user_id"].to_list()
    # Another seed than the split's and the row limit's: each of these is itself a range of hashes.
    hashes = pl.Series("hash", hash_ids(found["user_id"], catalog.ranking.seed + 2), dtype=pl.UInt64)
    first = found.with_columns(hashes).sort("is_labelled", "hash", descending=[True, False])
    n_labelled = int(found["is_labelled"].sum())
    return first.head(max(catalog.ranking.max_users, n_labelled))["user_id"].sort().to_list()


def read_truth(warehouse: Warehouse, context: StepContext, user_ids: Sequence[str], *, fold: int) -> pl.DataFrame:
    """One row a pair that the fold's sources were not told: see merge_truth for the columns. Needs pair_history."""
    ids = list(user_ids)
    history = warehouse.query("queries/shard_history", user_ids=ids)
    is_held_out = pl.col("fold").eq_missing(fold)
    held_out = history.filter(is_held_out & pl.col("grade").is_not_null())
    labels = warehouse.query("queries/shard_labels", catalog=context.catalog.name, user_ids=ids)
    known = history.filter(~is_held_out & pl.col("is_seen"))
    named = load_named_items(warehouse, ids)
    unknown = labels.join(known, on=["user_id", "item_id"], how="anti").join(
        named, on=["user_id", "item_id"], how="anti"
    )
    return merge_truth(
        labels=unknown,
        interactions=held_out.select("user_id", "item_id", "grade"),
        order=context.catalog.relevance.truth,
    )
