"""quality: labels -> quality_results and the Data Docs."""

from __future__ import annotations

from prefect import flow

from flows.request import RunRequest
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.quality import quality


@flow(name="quality", flow_run_name="quality", validate_parameters=True)
def quality_flow(request: RunRequest) -> list[StepReport]:
    """Run stage quality for every catalog of the request."""
    return run_stage("quality", quality, request)
