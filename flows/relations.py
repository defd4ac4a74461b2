"""relations: items, groups, labels, interactions -> item_relations."""

from __future__ import annotations

from prefect import flow

from flows.request import RunRequest
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.relations import relations


@flow(name="relations", flow_run_name="relations", validate_parameters=True)
def relations_flow(request: RunRequest) -> list[StepReport]:
    """Run stage relations for every catalog of the request."""
    return run_stage("relations", relations, request)
