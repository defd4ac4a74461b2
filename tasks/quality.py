"""quality: labels -> quality_results and the Data Docs; a critical failure stops the run before publication.

The suite `ingest` runs with the stage ingest, `features` with train and `recommendations` with score; here the labels
are checked, and the pages of the last runs are written. Memory O(results).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.gates import ExpectationResult, SuiteRun, build_data_docs
from tasks.gating import check_suite
from warehouse.connection import Warehouse, open_warehouse

DOCUMENTED_RUNS = 10


@task(name="quality", cache_policy=NO_CACHE)
def quality(context: StepContext) -> StepReport:
    """Check the labels and write the Data Docs, also when the gate closes."""
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        try:
            report = check_suite("labels", warehouse, context)
        finally:
            index = _write_docs(warehouse, context)
    return replace(report, stage="quality", notes=(*report.notes, f"Data Docs: {index}"))


@task(name="ingest gate", cache_policy=NO_CACHE)
def check_ingest(context: StepContext) -> StepReport:
    """Check what was ingested before anything is paid for."""
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        return check_suite("ingest", warehouse, context)


@task(name="data docs", cache_policy=NO_CACHE)
def write_docs(context: StepContext) -> StepReport:
    """Write the Data Docs of the last runs."""
    with open_warehouse(context.folder) as warehouse:
        return StepReport(
            stage="data docs", catalog=context.catalog.name, notes=(str(_write_docs(warehouse, context)),)
        )


def _write_docs(warehouse: Warehouse, context: StepContext) -> str:
    rows = warehouse.query("queries/recent_results", n_runs=DOCUMENTED_RUNS).to_dicts()
    fields = ExpectationResult.__dataclass_fields__
    runs = []
    for (run_id, catalog), group in groupby(rows, key=lambda row: (row["run_id"], row["catalog"])):
        results = list(group)
        runs.append(
            SuiteRun(
                run_id,
                catalog,
                results[0]["run_at"],
                [ExpectationResult(**{f: row[f] for f in fields}) for row in results],
            )
        )
    return str(build_data_docs(runs, context.folder / "data_docs"))
