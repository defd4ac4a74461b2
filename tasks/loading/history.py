"""Temporary tables of this connection with what is known of each pair as of the day. Reads interactions and users.

pair_history is of the catalog, foreign_pairs of the other catalogs of its users, named_items what they named when they came;
all lie in the order of the users, so that a shard's rows are found without reading all of them.
"""

from __future__ import annotations

from tasks.contracts.context import StepContext
from warehouse.connection import Warehouse


def make_history(warehouse: Warehouse, context: StepContext) -> None:
    """Build pair_history: weights, grades and ages as of the day, and in which fold a pair is held out as truth; and the other two.

    Time O(interactions log interactions) in DuckDB, which spills to disk.
    """
    relevance = context.catalog.relevance
    uses_interactions = "interactions" in relevance.truth
    warehouse.run(
        "queries/make_pair_history",
        catalog=context.catalog.name,
        as_of_end=context.as_of_end,
        folds=relevance.folds,
        holdout_share=relevance.holdout_share if uses_interactions else 0.0,
        is_random=relevance.holdout_order == "random",
    )
    warehouse.run(
        "queries/make_foreign_pairs",
        catalog=context.catalog.name,
        user_space=context.catalog.user_space,
        as_of_end=context.as_of_end,
        model=warehouse.value("queries/embedding_model", catalog=context.catalog.name),
    )
    warehouse.run("queries/make_named_items", catalog=context.catalog.name, user_space=context.catalog.user_space)
