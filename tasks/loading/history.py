"""Temporary tables of this connection with what is known of each pair as of the day. Reads interactions and users.

pair_history is of the catalog, foreign_pairs of the other catalogs of its users, named_items and user_onboardings what they
named and said when they came, blocked_pairs what they never want again (where the catalog names such events). All lie in the
order of the users, so that a shard's rows are found without reading all of them.
"""

from __future__ import annotations

from tasks.contracts.context import StepContext
from warehouse.connection import Warehouse


def make_history(warehouse: Warehouse, context: StepContext, *, has_folds: bool = True) -> None:
    """Build pair_history: weights, grades and ages as of the day, and in which fold a pair is held out as truth; and the others.

    has_folds False: no pair is held out, which takes two thirds of the time; for who only serves. Time O(interactions log
    interactions) in DuckDB, which spills to disk.
    """
    relevance = context.catalog.relevance
    is_held_out = has_folds and "interactions" in relevance.truth
    warehouse.run(
        "queries/make_pair_history",
        catalog=context.catalog.name,
        as_of_end=context.as_of_end,
        folds=relevance.folds if is_held_out else 0,
        holdout_share=relevance.holdout_share if is_held_out else 0.0,
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
    warehouse.run("queries/make_user_onboardings", user_space=context.catalog.user_space)
    if context.catalog.blocking_events:
        warehouse.run(
            "queries/make_blocked_pairs",
            catalog=context.catalog.name,
            events=list(context.catalog.blocking_events),
            as_of_end=context.as_of_end,
        )
