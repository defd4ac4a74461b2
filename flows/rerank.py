"""rerank: recommendation lists -> rerank_orders, recommendation shards in their order."""

from __future__ import annotations

from prefect import flow

from flows.request import RunRequest
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.rerank import rerank


@flow(name="rerank", flow_run_name="rerank", validate_parameters=True)
def rerank_flow(request: RunRequest) -> list[StepReport]:
    """Run stage rerank for every catalog of the request."""
    return run_stage("rerank", rerank, request)
