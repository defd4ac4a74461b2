"""rewrite: profiles and histories -> search texts."""

from __future__ import annotations

from prefect import flow

from flows.request import RunRequest
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.rewrite import rewrite


@flow(name="rewrite", flow_run_name="rewrite", validate_parameters=True)
def rewrite_flow(request: RunRequest) -> list[StepReport]:
    """Run stage rewrite for every catalog of the request."""
    return run_stage("rewrite", rewrite, request)
