"""score: candidate shards, model -> recommendation shards."""

from __future__ import annotations

from prefect import flow

from flows.request import RunRequest
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.score import score


@flow(name="score", flow_run_name="score", validate_parameters=True)
def score_flow(request: RunRequest) -> list[StepReport]:
    """Run stage score for every catalog of the request."""
    return run_stage("score", score, request)
