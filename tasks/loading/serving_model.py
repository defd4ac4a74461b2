"""The model that ranks in this run: the catalog's champion; in a backfill the run's own, for the champion knows later days."""

from __future__ import annotations

from tasks.contracts.context import StepContext
from warehouse.connection import Warehouse
from warehouse.models import latest_model, model_of_run


def serving_model(warehouse: Warehouse, context: StepContext) -> tuple[str, str] | None:
    """Id and text of the model; None where there is none. Raises WarehouseError on a changed or vanished file."""
    catalog = context.catalog.name
    if context.is_backfill:
        return model_of_run(warehouse, catalog=catalog, run_id=context.run_id)
    return latest_model(warehouse, catalog=catalog)
