"""similar: embeddings -> similarity_labels, item_groups."""

from __future__ import annotations

from prefect import flow

from flows.request import RunRequest
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.similar import similar


@flow(name="similar", flow_run_name="similar", validate_parameters=True)
def similar_flow(request: RunRequest) -> list[StepReport]:
    """Run stage similar for every catalog of the request."""
    return run_stage("similar", similar, request)
