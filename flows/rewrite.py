"""rewrite: profiles and histories -> search texts."""

from __future__ import annotations

from flows.request import LabelingRequest
from flows.served import flow
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.rewrite import rewrite


@flow(name="rewrite")
def rewrite_flow(request: LabelingRequest) -> list[StepReport]:
    """Run stage rewrite for every catalog of the request."""
    return run_stage("rewrite", rewrite, request)
