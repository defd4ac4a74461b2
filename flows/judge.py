"""judge: users x items -> judge_labels."""

from __future__ import annotations

from prefect import flow

from flows.request import RunRequest
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.judge import judge


@flow(name="judge", flow_run_name="judge", validate_parameters=True)
def judge_flow(request: RunRequest) -> list[StepReport]:
    """Run stage judge for every catalog of the request."""
    return run_stage("judge", judge, request)
