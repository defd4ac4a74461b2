"""candidates: embeddings, interactions -> candidate shards."""

from __future__ import annotations

from flows.request import StageRequest
from flows.served import flow
from flows.stage import run_stage
from tasks.candidates import candidates
from tasks.contracts.report import StepReport


@flow(name="candidates")
def candidates_flow(request: StageRequest) -> list[StepReport]:
    """Run stage candidates for every catalog of the request."""
    return run_stage("candidates", candidates, request)
