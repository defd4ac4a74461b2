"""Served lists as frames, a block of users at a time. Reads shards `scored`, users and items; memory O(block)."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from tasks.contracts.context import StepContext
from warehouse.connection import Warehouse
from warehouse.outputs import latest_output

SCORED = "scored"
TEMPLATE = "template"
"""reason_source of a reason that was put together from the data."""

COLUMNS = (
    "catalog",
    "user_space",
    "user_id",
    "rank",
    "item_id",
    "title",
    "url",
    "score",
    "sources",
    "reason",
    "reason_content",
    "reason_popularity",
    "reason_diversity",
    "reason_time",
    "reason_source",
    "propensity",
    "primary_topic",
    "as_of",
)


def read_blocks(warehouse: Warehouse, context: StepContext, *, users: int | None) -> Iterator[pl.DataFrame]:
    """The scored lists with their keys: everybody's, a shard at a time; or those of the best-known `users`, these first.

    Each list is whole and sorted by rank. Raises WarehouseError where nothing is scored.
    """
    paths = latest_output(warehouse, catalog=context.catalog.name, stage=SCORED, needs="score")
    if users is None:
        for path in paths:
            yield add_keys(warehouse, context, pl.read_parquet(path))
        return
    chosen = best_known(warehouse, context, users)
    for start in range(0, len(chosen), context.shard_users):
        part = pl.DataFrame({"user_id": chosen[start : start + context.shard_users]}).with_row_index("place")
        rows = pl.scan_parquet(paths).join(part.lazy(), on="user_id").sort("place", "rank").drop("place").collect()
        yield add_keys(warehouse, context, rows)


def best_known(warehouse: Warehouse, context: StepContext, users: int) -> list[str]:
    """The ids of the `users` with most history, most first."""
    found = warehouse.query(
        "queries/best_known_users",
        user_space=context.catalog.user_space,
        as_of_end=context.as_of_end,
        n_users=users,
    )
    return found["user_id"].to_list()


def add_keys(warehouse: Warehouse, context: StepContext, lists: pl.DataFrame) -> pl.DataFrame:
    """lists with profile_hash and content_hash, by which answers are stored; null where user or item is no more."""
    catalog = context.catalog
    profiles = warehouse.query(
        "queries/profile_keys", user_space=catalog.user_space, user_ids=lists["user_id"].unique().to_list()
    )
    contents = warehouse.query(
        "queries/content_keys", catalog=catalog.name, item_ids=lists["item_id"].unique().to_list()
    )
    keyed = lists.join(profiles, on="user_id", how="left", maintain_order="left")
    return keyed.join(contents, on="item_id", how="left", maintain_order="left")
