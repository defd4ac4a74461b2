"""Shards `recommendations`: the scored lists, with the orders and explanations that count today; then the gate.

Reads shards `scored`, rerank_orders, explanations, active_fingerprints; writes shards and quality_results.
Where no answer counts, the lists are as they were scored, and their shards are copied. Time O(rows), memory O(shard).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Literal

import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.gating import check_suite
from tasks.serving.explanations import apply_explanations
from tasks.serving.lists import COLUMNS, SCORED, add_keys, best_known
from tasks.serving.orders import apply_orders
from warehouse.connection import Warehouse
from warehouse.ordering import are_files_ordered
from warehouse.outputs import latest_output, stage_output

SERVED = "recommendations"
ORDER = ("user_id", "rank")


@dataclass(frozen=True)
class Served:
    """How many rows there are, how many lists an answer put in order, how many rows one explains, and what the gate warns of."""

    n_rows: int
    n_ordered: int
    n_explained: int
    notes: tuple[str, ...]


def write_recommendations(warehouse: Warehouse, context: StepContext) -> Served:
    """Make the recommendations anew. Raises GateFailedError, WarehouseError where nothing is scored."""
    catalog = context.catalog
    orders, explained = active_orders(warehouse, context), active_explanations(warehouse, context)
    reranked_users = _limit(warehouse, context, catalog.rerank.users if orders else None)
    explained_users = _limit(warehouse, context, catalog.explain.users if explained else None)
    n_ordered = n_explained = 0
    paths = latest_output(warehouse, catalog=catalog.name, stage=SCORED, needs="score")
    with stage_output(warehouse, run_id=context.run_id, catalog=catalog.name, stage=SERVED) as output:
        for path in paths:
            if orders is None and explained is None and is_served_so(path):
                copyfile(path, output.place(output.n_shards))
                output.adopt(output.n_shards, n_rows=pl.scan_parquet(path).select(pl.len()).collect().item())
                continue
            lists = pl.read_parquet(path)
            if orders is not None or explained is not None:
                lists = add_keys(warehouse, context, lists)
            if orders is not None:
                mine, others = _split(lists, reranked_users)
                mine, n_lists = apply_orders(warehouse, mine, catalog.rerank, fingerprint=orders)
                lists, n_ordered = pl.concat([mine, others]), n_ordered + n_lists
            if explained is not None:
                mine, others = _split(lists, explained_users)
                mine, n_rows = apply_explanations(warehouse, mine, catalog.explain, fingerprint=explained)
                lists, n_explained = pl.concat([mine, others]), n_explained + n_rows
            output.write(lists.select(COLUMNS).sort(ORDER))
    files = [str(path) for path in latest_output(warehouse, catalog=catalog.name, stage=SERVED, needs="score")]
    gate = check_suite("recommendations", warehouse, context, values={"files": files})
    return Served(output.n_rows, n_ordered, n_explained, gate.notes)


def stand_down(task: Literal["rerank", "explain"], warehouse: Warehouse, context: StepContext, note: str) -> StepReport:
    """The report of a task that nobody is asked; answers that counted until now count no more."""
    scope = {"catalog": context.catalog.name, "task": task}
    if warehouse.value("queries/active_fingerprint", **scope) is not None:
        warehouse.run("queries/deactivate_fingerprint", **scope)
        write_recommendations(warehouse, context)
    return StepReport(stage=task, catalog=context.catalog.name, notes=(note,))


def active_orders(warehouse: Warehouse, context: StepContext) -> str | None:
    """The fingerprint of the orders that count today; None where the catalog asks nobody, or nobody was asked yet."""
    if context.catalog.rerank.labeler is None:
        return None
    return _active(warehouse, context, "rerank")


def active_explanations(warehouse: Warehouse, context: StepContext) -> str | None:
    """The same of explanations."""
    if context.catalog.explain.labeler is None:
        return None
    return _active(warehouse, context, "explain")


def _active(warehouse: Warehouse, context: StepContext, task: str) -> str | None:
    found = warehouse.value("queries/active_fingerprint", catalog=context.catalog.name, task=task)
    return None if found is None else str(found)


def is_served_so(path: Path) -> bool:
    """Whether a shard of scored lists has the columns and the order of a served one."""
    return list(pl.read_parquet_schema(path)) == list(COLUMNS) and are_files_ordered([path], ORDER)


def _limit(warehouse: Warehouse, context: StepContext, users: int | None) -> Collection[str] | None:
    return None if users is None else best_known(warehouse, context, users)


def _split(lists: pl.DataFrame, users: Collection[str] | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    if users is None:
        return lists, lists.clear()
    is_mine = pl.col("user_id").is_in(list(users))
    return lists.filter(is_mine), lists.filter(~is_mine)
