"""What lists are measured against: truth, the catalog around it, and slices. Reads the warehouse; needs pair_history.

Memory O(items x dimension + rows of the measured users).
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl

from tasks.contracts.context import StepContext
from tasks.evaluation.beyond import Surroundings
from tasks.evaluation.measuring import Bench
from tasks.evaluation.slices import slice_by_activity, slice_by_topic, slice_new_items
from tasks.loading.measured import FOLD, MeasuredRows
from tasks.loading.shard_history import ShardHistory
from tasks.retrieval.item_index import unit_rows
from warehouse.connection import Warehouse
from warehouse.vectors import read_vectors

NO_CHOOSERS = {"item_id": pl.String, "n_users": pl.Int64, "n_all": pl.Int64}


def load_bench(warehouse: Warehouse, context: StepContext, measured: MeasuredRows, known: ShardHistory) -> Bench:
    """Truth and surroundings; known: what fold 0 knows of the measured users."""
    catalog = context.catalog
    found, vectors = read_vectors(warehouse, "queries/index_vectors", catalog=catalog.name)
    choosers = warehouse.query("queries/item_choosers", fold=FOLD)
    around = Surroundings(
        item_ids=found["item_id"],
        vectors=unit_rows(vectors)[0] if len(found) else np.zeros((0, 1), np.float32),
        n_choosers=choosers.select("item_id", "n_users"),
        n_users=int(choosers["n_all"][0]) if len(choosers) else 0,
        topics=warehouse.query("queries/item_topic_shares", catalog=catalog.name),
        history=known.liked.filter(pl.col("weight") > 0).select("user_id", "item_id", "weight"),
    )
    n_items = warehouse.value("queries/count_active_items", catalog=catalog.name)
    return Bench(
        qrels=measured.truth.select("user_id", "item_id", "grade", "sampling_probability"),
        relevant_grade=catalog.relevance.relevant_grade,
        unlabelled=_count_unlabelled(measured.truth, known.seen, n_items=n_items),
        n_items=n_items,
        around=around,
    )


def _count_unlabelled(truth: pl.DataFrame, seen: pl.DataFrame, *, n_items: int) -> pl.DataFrame:
    """user_id, n_items: how many items a user with held-out interactions had neither seen nor has a label of."""
    users = truth.filter("has_interaction").select("user_id").unique()
    taken = pl.concat([truth.select("user_id", "item_id"), seen.select("user_id", "item_id")])
    counts = taken.unique().join(users, on="user_id", how="semi").group_by("user_id").agg(n_taken=pl.len())
    return counts.select("user_id", n_items=(n_items - pl.col("n_taken").cast(pl.Int64)).clip(lower_bound=0))


def load_slices(
    warehouse: Warehouse, context: StepContext, bench: Bench, known: ShardHistory
) -> dict[str, pl.DataFrame]:
    """Labels of each slice by its name; a slice that is the whole truth is left out."""
    catalog = context.catalog
    sizes = known.seen.group_by("user_id").agg(n_items=pl.len())
    cards = warehouse.query("queries/item_cards", catalog=catalog.name)
    since = context.as_of_end - timedelta(days=catalog.candidates.recent_days)
    new = warehouse.query("queries/new_items", catalog=catalog.name, since=since, fold=FOLD)
    slices = {
        **slice_by_activity(bench.qrels, sizes),
        **slice_by_topic(bench.qrels, cards, relevant_grade=bench.relevant_grade),
        **slice_new_items(bench.qrels, new),
    }
    return {name: labels for name, labels in slices.items() if len(labels) < len(bench.qrels)}


def find_leaked_pairs(warehouse: Warehouse, measured: MeasuredRows, known: ShardHistory) -> pl.DataFrame:
    """user_id, item_id, given_to: held-out interactions that a source or a history was given all the same.

    Reads what the sources learn from by the very query that they use; known is what they are told of users.
    Time and memory O(interactions), as they.
    """
    keys = ["user_id", "item_id"]
    held_out = measured.truth.filter("has_interaction").select(keys)
    given = {
        "history": known.liked,
        "seen": known.seen,
        "sources": warehouse.query("queries/choices", fold=FOLD, max_age_days=None),
    }
    leaked = [
        rows.select(keys).join(held_out, on=keys, how="semi").with_columns(given_to=pl.lit(name))
        for name, rows in given.items()
    ]
    return pl.concat(leaked).sort(*keys, "given_to")
