"""explain: recommendation lists -> explanations, recommendation shards with them."""

from __future__ import annotations

from prefect import flow

from flows.request import RunRequest
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.explain import explain


@flow(name="explain", flow_run_name="explain", validate_parameters=True)
def explain_flow(request: RunRequest) -> list[StepReport]:
    """Run stage explain for every catalog of the request."""
    return run_stage("explain", explain, request)
