"""Says which producer's rows count from now on for a catalog and task. Writes active_fingerprints."""

from __future__ import annotations

from tasks.contracts.context import StepContext
from warehouse.clock import utc_now
from warehouse.connection import Warehouse


def activate(
    warehouse: Warehouse, context: StepContext, *, task: str, fingerprint: str, labeler: str, prompt_hash: str = ""
) -> None:
    """Make `fingerprint` today's for this catalog and task; unchanged, nothing is written."""
    warehouse.run(
        "queries/activate_fingerprint",
        catalog=context.catalog.name,
        task=task,
        fingerprint=fingerprint,
        labeler=labeler,
        prompt_hash=prompt_hash,
        run_id=context.run_id,
        now=utc_now(),
    )
