"""check_suite: audits of sql/audits/ and given frames -> quality_results; raises GateFailedError. Memory O(100 rows an audit)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tasks.contracts.catalog import GatesConfig
from tasks.contracts.context import StepContext
from tasks.contracts.errors import GateFailedError
from tasks.contracts.report import StepReport
from tasks.gates import ExpectationResult, audits_of, build_suite, first_critical, result_frame, run_suite
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
    # Only what the suite goes by is looked at: what is looked at makes the stage due when it changes.
    topics = [topic.name for topic in catalog.taxonomy] if suite == "labels" else []
    top_n = {"top_n": catalog.recommend.top_n} if suite == "recommendations" else {}
    known = {
        "catalog": catalog.name,
        "run_id": context.run_id,
        "topics": topics,
        "as_of_end": context.as_of_end,
        **(values or {}),
    }
    results = evaluate_suite(
        suite,
        warehouse,
        gates=catalog.gates,
        topics=topics,
        frames=frames or {},
        values=known,
        **top_n,
    )
    store_results(warehouse, results, run_id=context.run_id, catalog=catalog.name)
    stopped = first_critical(results)
    if stopped is not None:
        raise GateFailedError(f"catalog {catalog.name!r}: {stopped}")
    return StepReport(
        stage=f"{suite} gate",
        catalog=catalog.name,
        rows_in=len(results),
        rows_out=sum(result.is_success for result in results),
        notes=describe_warnings(results),
    )


def evaluate_suite(
    suite: str,
    warehouse: Warehouse,
    *,
    gates: GatesConfig,
    topics: Sequence[str],
    top_n: int = 10,
    frames: Mapping[str, pl.DataFrame],
    values: Mapping[str, Any],
) -> list[ExpectationResult]:
    """The results of a suite; reads the audits that it looks at and frames lacks, with what they need of values. Writes nothing."""
    expectations = build_suite(suite, gates, topics=topics, top_n=top_n)
    read = {
        audit: warehouse.query(f"audits/{audit}", **{name: values[name] for name in names})
        for audit, names in audits_of(expectations).items()
        if audit not in frames
    }
    return run_suite(suite, {**read, **frames}, expectations)


def store_results(warehouse: Warehouse, results: Sequence[ExpectationResult], *, run_id: str, catalog: str) -> None:
    """Write results into `quality_results`, in the place of those that the run had."""
    rows = result_frame(results).with_columns(
        run_id=pl.lit(run_id), catalog=pl.lit(catalog), created_at=pl.lit(utc_now())
    )
    with warehouse.transaction():
        warehouse.insert("quality_results", rows, on_conflict="replace")


def describe_warnings(results: Sequence[ExpectationResult]) -> tuple[str, ...]:
    """A line for each expectation that failed without stopping the run."""
    return tuple(
        f"warning: {one.expectation} observed {one.observed}, expected {one.expected}"
        for one in results
        if not one.is_success and one.severity == "warning"
    )
