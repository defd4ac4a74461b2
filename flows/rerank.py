"""rerank: recommendation lists -> rerank_orders, recommendation shards in their order."""

from __future__ import annotations

from flows.request import LabelingRequest
from flows.served import flow
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.rerank import rerank


@flow(name="rerank")
def rerank_flow(request: LabelingRequest) -> list[StepReport]:
    """Run stage rerank for every catalog of the request."""
    return run_stage("rerank", rerank, request)
