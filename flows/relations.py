"""relations: items, groups, labels, interactions -> item_relations."""

from __future__ import annotations

from flows.request import StageRequest
from flows.served import flow
from flows.stage import run_stage
from tasks.contracts.report import StepReport
from tasks.relations import relations


@flow(name="relations")
def relations_flow(request: StageRequest) -> list[StepReport]:
    """Run stage relations for every catalog of the request."""
    return run_stage("relations", relations, request)
