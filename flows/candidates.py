"""candidates: embeddings, interactions -> candidate shards."""

from __future__ import annotations

from prefect import flow

from flows.request import RunRequest
from flows.stage import run_stage
from tasks.candidates import candidates
from tasks.contracts.report import StepReport


@flow(name="candidates", flow_run_name="candidates", validate_parameters=True)
def candidates_flow(request: RunRequest) -> list[StepReport]:
    """Run stage candidates for every catalog of the request."""
    return run_stage("candidates", candidates, request)
