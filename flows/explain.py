"""explain: recommendation lists -> explanations, recommendation shards with them."""

from __future__ import annotations

from flows.request import LabelingRequest
from flows.served import flow
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.explain import explain


@flow(name="explain")
def explain_flow(request: LabelingRequest) -> list[StepReport]:
    """Run stage explain for every catalog of the request."""
    return run_stage("explain", explain, request)
