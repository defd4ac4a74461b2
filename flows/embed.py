"""embed: items, users -> embeddings."""

from __future__ import annotations

from flows.request import StageRequest
from flows.served import flow
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.embed import embed


@flow(name="embed")
def embed_flow(request: StageRequest) -> list[StepReport]:
    """Run stage embed for every catalog of the request."""
    return run_stage("embed", embed, request)
