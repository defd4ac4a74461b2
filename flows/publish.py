"""publish: warehouse and shards -> published Parquet."""

from __future__ import annotations

from flows.request import StageRequest
from flows.served import flow
from flows.stage import load_catalogs, make_context, open_run, run_step
from tasks.contracts.report import StepReport
from tasks.keeping import ALL
from tasks.publish import confirm_latest, publish


@flow(name="publish")
def publish_flow(request: StageRequest) -> list[StepReport]:
    """Publish every catalog of the warehouse that has recommendations, as one publication, or confirm the latest."""
    with open_run(request) as (opened, settings):
        file, catalog = load_catalogs(opened, settings)[0]
        context = make_context(opened, settings, file, catalog)
        return [run_step("publish", publish, context, name=ALL, confirm=confirm_latest)]
