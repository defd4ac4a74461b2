"""ingest: sources -> items, users, interactions, quarantine."""

from __future__ import annotations

from flows.request import IngestRequest
from flows.served import flow
from flows.stage import open_run, run_stage
from tasks.contracts.report import StepReport
from tasks.ingest import ingest
from tasks.quality import check_ingest


@flow(name="ingest")
def ingest_flow(request: IngestRequest) -> list[StepReport]:
    """Run stage ingest for every catalog of the request."""
    with open_run(request) as (opened, _):
        reports = run_stage("ingest", ingest, opened)
        return [*reports, *run_stage("ingest gate", check_ingest, opened)]
