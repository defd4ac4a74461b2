"""quality: labels -> quality_results and the Data Docs."""

from __future__ import annotations

from flows.request import StageRequest
from flows.served import flow
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.quality import quality


@flow(name="quality")
def quality_flow(request: StageRequest) -> list[StepReport]:
    """Run stage quality for every catalog of the request."""
    return run_stage("quality", quality, request)
