"""Stores what is known about labels: rows of label_metrics. Memory O(rows)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from tasks.contracts.context import StepContext
from warehouse.clock import utc_now
from warehouse.connection import Warehouse

SCHEMA = {"value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n": pl.Int64}


@dataclass(frozen=True)
class LabelMetric:
    """One figure about the labels of a task: what is measured, of whom, its value and 95 % interval, and on how many.

    NaN is stored as null: the figure is not defined.
    """

    metric: str
    subject: str
    value: float
    low: float = math.nan
    high: float = math.nan
    n: int = 0


def store_metrics(warehouse: Warehouse, context: StepContext, task: str, metrics: Sequence[LabelMetric]) -> None:
    """Store the figures of this run; the same figure of the same run is replaced."""
    rows = [
        {
            "run_id": context.run_id,
            "catalog": context.catalog.name,
            "task": task,
            "metric": one.metric,
            "subject": one.subject,
            "value": one.value,
            "low": one.low,
            "high": one.high,
            "n": one.n,
            "created_at": utc_now(),
        }
        for one in metrics
    ]
    frame = pl.DataFrame(rows, schema_overrides=SCHEMA) if rows else pl.DataFrame()
    with_nulls = frame.with_columns(pl.col(pl.Float64).fill_nan(None)) if rows else frame
    warehouse.insert("label_metrics", with_nulls, on_conflict="replace")
