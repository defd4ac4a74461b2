"""publish: warehouse and shards -> published Parquet."""

from __future__ import annotations

from prefect import flow

from flows.request import RunRequest
from flows.stage import load_catalogs, make_context, open_run, run_step
from tasks.contracts.report import StepReport
from tasks.publish import publish


@flow(name="publish", flow_run_name="publish", validate_parameters=True)
def publish_flow(request: RunRequest) -> list[StepReport]:
    """Publish every catalog of the warehouse that has recommendations, as one publication."""
    with open_run(request) as (opened, settings):
        file, catalog = load_catalogs(opened, settings)[0]
        return [run_step("publish", publish, make_context(opened, settings, file, catalog))]
