"""evaluate: held-out users -> metrics."""

from __future__ import annotations

from prefect import flow

from flows.request import RunRequest
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.evaluate import evaluate


@flow(name="evaluate", flow_run_name="evaluate", validate_parameters=True)
def evaluate_flow(request: RunRequest) -> list[StepReport]:
    """Run stage evaluate for every catalog of the request."""
    return run_stage("evaluate", evaluate, request)
