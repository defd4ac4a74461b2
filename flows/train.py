"""train: candidate shards, labels -> a LambdaMART model."""

from __future__ import annotations

from prefect import flow

from flows.request import RunRequest
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.train import train


@flow(name="train", flow_run_name="train", validate_parameters=True)
def train_flow(request: RunRequest) -> list[StepReport]:
    """Run stage train for every catalog of the request."""
    return run_stage("train", train, request)
