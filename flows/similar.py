"""similar: embeddings -> similarity_labels, item_groups."""

from __future__ import annotations

from flows.request import LabelingRequest
from flows.served import flow
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.similar import similar


@flow(name="similar")
def similar_flow(request: LabelingRequest) -> list[StepReport]:
    """Run stage similar for every catalog of the request."""
    return run_stage("similar", similar, request)
