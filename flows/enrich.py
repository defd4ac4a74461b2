"""enrich: items -> enrichments."""

from __future__ import annotations

from flows.request import LabelingRequest
from flows.served import flow
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.enrich import enrich


@flow(name="enrich")
def enrich_flow(request: LabelingRequest) -> list[StepReport]:
    """Run stage enrich for every catalog of the request."""
    return run_stage("enrich", enrich, request)
