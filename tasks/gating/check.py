"""check_suite: audits of sql/audits/ and given frames -> quality_results; raises GateFailedError. Memory O(100 rows an audit)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.errors import GateFailedError
from tasks.contracts.report import StepReport
from tasks.gates import audits_of, build_suite, first_critical, result_frame, run_suite
from warehouse.clock import utc_now
from warehouse.connection import Warehouse


def check_suite(
    suite: str,
    warehouse: Warehouse,
    context: StepContext,
    *,
    frames: Mapping[str, pl.DataFrame] | None = None,
    values: Mapping[str, Any] | None = None,
) -> StepReport:
    """Run a suite for the context's catalog and store its results.

    frames are those that are no audit (feature aggregates); values fill audits beyond catalog, run and day.
    Raises GateFailedError with the first critical failure, after the results are stored.
    """
    catalog = context.catalog
    topics = [topic.name for topic in catalog.taxonomy]
    expectations = build_suite(suite, catalog.gates, topics=topics, top_n=catalog.recommend.top_n)
    known: dict[str, Any] = {
        "catalog": catalog.name,
        "run_id": context.run_id,
        "topics": topics,
        "as_of_end": context.as_of_end,
        **(values or {}),
    }
    read = {
        audit: warehouse.query(f"audits/{audit}", **{name: known[name] for name in names})
        for audit, names in audits_of(expectations).items()
    }
    results = run_suite(suite, {**read, **(frames or {})}, expectations)
    rows = result_frame(results).with_columns(
        run_id=pl.lit(context.run_id), catalog=pl.lit(catalog.name), created_at=pl.lit(utc_now())
    )
    with warehouse.transaction():
        warehouse.insert("quality_results", rows, on_conflict="replace")
    stopped = first_critical(results)
    if stopped is not None:
        raise GateFailedError(f"catalog {catalog.name!r}: {stopped}")
    warned = [result for result in results if not result.is_success]
    return StepReport(
        stage=f"{suite} gate",
        catalog=catalog.name,
        rows_in=len(results),
        rows_out=len(results) - len(warned),
        notes=tuple(f"warning: {one.expectation} observed {one.observed}, expected {one.expected}" for one in warned),
    )
