"""What a shard of users did, named when they came, and never wants again. Reads pair_history, named_items and blocked_pairs.

An onboarding answer that names an item of the catalog is a liked item of today that the user knows; what the user did
with it since counts before that, and what a fold holds out is not known by this way either. Memory O(shard).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tasks.contracts.context import StepContext
from warehouse.connection import Warehouse

PAIR = ("user_id", "item_id")
MAX_ANSWERS = 5


@dataclass(frozen=True)
class ShardHistory:
    """liked: user_id, item_id, weight (<= 0: disliked), age_days. seen, blocked: user_id, item_id."""

    liked: pl.DataFrame
    seen: pl.DataFrame
    blocked: pl.DataFrame | None


def load_shard_history(
    warehouse: Warehouse, context: StepContext, user_ids: list[str], *, fold: int | None
) -> ShardHistory:
    """Of some users, without what the fold holds out (None: nothing). Needs make_history."""
    catalog = context.catalog
    every = warehouse.query("queries/shard_history", user_ids=user_ids)
    is_hidden = pl.lit(value=False) if fold is None else pl.col("fold").eq_missing(fold)
    pairs, hidden = every.filter(~is_hidden), every.filter(is_hidden)
    named = load_named_items(warehouse, user_ids).join(hidden, on=PAIR, how="anti")
    weighed = pairs.filter(pl.col("weight").is_not_null())
    liked = named.join(weighed, on=PAIR, how="anti").select(*PAIR, weight=pl.lit(1.0), age_days=pl.lit(0.0))
    blocked = None
    if catalog.blocking_events:
        blocked = warehouse.query("queries/shard_blocked", user_ids=user_ids, fold=fold)
    seen = pairs.filter("is_seen").select(PAIR)
    return ShardHistory(
        liked=pl.concat([weighed.select(*PAIR, "weight", "age_days"), liked], how="vertical_relaxed"),
        seen=pl.concat([seen, named.join(seen, on=PAIR, how="anti")]),
        blocked=blocked,
    )


def load_named_items(warehouse: Warehouse, user_ids: list[str]) -> pl.DataFrame:
    """user_id, item_id: the items of the catalog that some users named when they came. Needs named_items."""
    return warehouse.query("queries/shard_onboarding", user_ids=user_ids)


def onboarding_note(warehouse: Warehouse, context: StepContext) -> tuple[str, ...]:
    """For the operator: how many active users gave more answers than count; empty where none did."""
    n_users = warehouse.value("queries/long_onboardings", user_space=context.catalog.user_space)
    return (f"{n_users} users gave more than {MAX_ANSWERS} onboarding answers: the first count",) if n_users else ()
