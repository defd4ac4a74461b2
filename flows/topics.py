"""topics: items -> topic_labels."""

from __future__ import annotations

from flows.request import TopicsRequest
from flows.served import flow
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.topics import topics


@flow(name="topics")
def topics_flow(request: TopicsRequest) -> list[StepReport]:
    """Run stage topics for every catalog of the request."""
    return run_stage("topics", topics, request)
