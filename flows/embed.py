"""embed: items, users -> embeddings."""

from __future__ import annotations

from prefect import flow

from flows.request import RunRequest
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.embed import embed


@flow(name="embed", flow_run_name="embed", validate_parameters=True)
def embed_flow(request: RunRequest) -> list[StepReport]:
    """Run stage embed for every catalog of the request."""
    return run_stage("embed", embed, request)
