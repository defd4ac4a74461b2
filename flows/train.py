"""train: candidate shards, labels -> a LambdaMART model."""

from __future__ import annotations

from flows.request import StageRequest
from flows.served import flow
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.train import train


@flow(name="train")
def train_flow(request: StageRequest) -> list[StepReport]:
    """Run stage train for every catalog of the request."""
    return run_stage("train", train, request)
