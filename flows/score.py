"""score: candidate shards, model -> recommendation shards."""

from __future__ import annotations

from flows.request import StageRequest
from flows.served import flow
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.score import score


@flow(name="score")
def score_flow(request: StageRequest) -> list[StepReport]:
    """Run stage score for every catalog of the request."""
    return run_stage("score", score, request)
