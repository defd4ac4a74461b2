"""evaluate: held-out users -> metrics."""

from __future__ import annotations

from flows.request import StageRequest
from flows.served import flow
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.evaluate import evaluate


@flow(name="evaluate")
def evaluate_flow(request: StageRequest) -> list[StepReport]:
    """Run stage evaluate for every catalog of the request."""
    return run_stage("evaluate", evaluate, request)
