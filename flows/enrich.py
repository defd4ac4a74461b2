"""enrich: items -> enrichments."""

from __future__ import annotations

from prefect import flow

from flows.request import RunRequest
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.enrich import enrich


@flow(name="enrich", flow_run_name="enrich", validate_parameters=True)
def enrich_flow(request: RunRequest) -> list[StepReport]:
    """Run stage enrich for every catalog of the request."""
    return run_stage("enrich", enrich, request)
