"""quality: labels -> label_metrics, quality_results; a critical failure stops the run before publication. The Data Docs.

The suite `ingest` runs with the stage ingest, `features` with train and `recommendations` with score; here the labels
are checked. The pages of the last runs are written at the end of every run. Memory O(results).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from pathlib import Path

from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.gates import ExpectationResult, SuiteRun, build_data_docs
from tasks.gating import check_suite
from tasks.labeling.label_facts import store_label_facts
from tasks.running import task
from warehouse.connection import open_warehouse

DOCUMENTED_RUNS = 10
DOCS = "data_docs"


@task(name="quality")
def quality(context: StepContext) -> StepReport:
    """Measure the labels, and check them."""
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        store_label_facts(warehouse, context)
        report = check_suite("labels", warehouse, context)
    return replace(report, stage="quality", notes=(*report.notes, f"Data Docs: {context.folder / DOCS / 'index.html'}"))


@task(name="ingest gate")
def check_ingest(context: StepContext) -> StepReport:
    """Check what was ingested before anything is paid for."""
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        return check_suite("ingest", warehouse, context)


def refresh_docs(folder: Path, run_id: str) -> None:
    """Write the Data Docs of the last runs anew, if this run has results; also when a gate has stopped it."""
    with open_warehouse(folder) as warehouse:
        if not warehouse.value("queries/count_run_results", run_id=run_id):
            return
        rows = warehouse.query("queries/recent_results", n_runs=DOCUMENTED_RUNS).to_dicts()
    fields = ExpectationResult.__dataclass_fields__
    runs = []
    for (run, catalog), group in groupby(rows, key=lambda row: (row["run_id"], row["catalog"])):
        results = list(group)
        shown = [ExpectationResult(**{field: row[field] for field in fields}) for row in results]
        runs.append(SuiteRun(run, catalog, results[0]["run_at"], shown))
    build_data_docs(runs, folder / DOCS)
