"""judge: users x items -> judge_labels."""

from __future__ import annotations

from flows.request import LabelingRequest
from flows.served import flow
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.judge import judge


@flow(name="judge")
def judge_flow(request: LabelingRequest) -> list[StepReport]:
    """Run stage judge for every catalog of the request."""
    return run_stage("judge", judge, request)
