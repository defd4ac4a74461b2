"""topics: items -> topic_labels."""

from __future__ import annotations

from prefect import flow

from flows.request import RunRequest
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.topics import topics


@flow(name="topics", flow_run_name="topics", validate_parameters=True)
def topics_flow(request: RunRequest) -> list[StepReport]:
    """Run stage topics for every catalog of the request."""
    return run_stage("topics", topics, request)
