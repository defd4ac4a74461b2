"""simulate-users: taxonomy -> users (origin "simulated"). Profiles for a catalog that has none; seeded. Time O(n)."""

from __future__ import annotations

import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.running import task
from tasks.simulation import simulate_profiles
from warehouse.clock import utc_now
from warehouse.connection import open_warehouse


@task(name="simulate-users")
def simulate_users(context: StepContext, *, n_users: int, seed: int) -> StepReport:
    """Write n_users simulated profiles; the same users are written again under the same ids."""
    topics = [(topic.name, topic.description) for topic in context.catalog.taxonomy]
    profiles = simulate_profiles(n_users, topics=topics, seed=seed).with_columns(
        attributes=pl.lit('{"simulated": true}'), file=pl.lit(f"simulated, seed {seed}")
    )
    rows = profiles.with_row_index("seq").with_columns(
        pl.col("seq").cast(pl.Int64), line=pl.col("seq").cast(pl.Int64) + 1
    )
    with open_warehouse(context.folder) as warehouse:
        warehouse.run("ingest/create_staging")
        warehouse.insert("staged_users", rows)
        with warehouse.transaction():
            warehouse.run("ingest/sort_users")
            warehouse.run(
                "ingest/store_users",
                now=utc_now(),
                origin="simulated",
                run_id=context.run_id,
                catalog=context.catalog.name,
                user_space=context.catalog.user_space,
            )
            warehouse.run("ingest/see_users", run_id=context.run_id, user_space=context.catalog.user_space)
    return StepReport(
        stage="simulate-users",
        catalog=context.catalog.name,
        rows_in=n_users,
        rows_out=n_users,
        notes=(f"seed {seed}; first: {profiles['summary'][0]}",),
    )
