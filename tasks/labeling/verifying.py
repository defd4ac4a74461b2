"""Puts a catalog's verifier behind whoever enriches. Reads and writes the reply store through the labeler."""

from __future__ import annotations

from tasks.contracts.choose import choose_endpoint
from tasks.contracts.context import StepContext
from tasks.contracts.errors import ConfigError
from tasks.labelers.openai import OpenAILabeler
from tasks.labelers.openai_verify import VerifyingLabeler
from tasks.labelers.protocol import Labeler
from tasks.labeling.budget import Spent, budget_for
from tasks.labeling.endpoint import make_endpoint
from tasks.labeling.replies import WarehouseStore
from tasks.labeling.window import shared_window
from tasks.llm.engine import Engine
from tasks.llm.redact import Redaction
from warehouse.connection import Warehouse


def add_verifier(labeler: Labeler, context: StepContext, warehouse: Warehouse, *, spent: Spent) -> Labeler:
    """The labeler, its enrichments looked at again by the one that the catalog names; as it is where none can be asked.

    Both spend one budget. Verifications are asked online, also where the endpoint's mode is "batch". Raises ConfigError
    where the catalog names the embedded labeler, which can't verify.
    """
    catalog = context.catalog
    if catalog.enrichment.verify == "embedded":
        raise ConfigError(
            f"catalog {catalog.name!r} has enrichment.verify = 'embedded', which can't verify; name an endpoint, as 'openai'"
        )
    chosen = choose_endpoint("enrich", context, catalog.enrichment.verify) if catalog.enrichment.verify else None
    if chosen is None:
        return labeler
    endpoint = make_endpoint(chosen).model_copy(update={"mode": "online"})
    budget = labeler.budget if isinstance(labeler, OpenAILabeler) else None
    engine = Engine(
        endpoint,
        api_key=chosen.api_key,
        store=WarehouseStore(warehouse.replies, "enrich"),
        budget=budget or budget_for("enrich", context, warehouse, endpoint=chosen, spent=spent),
        # Each process has a fake provider of its own, so that nobody shares its limits.
        window=None if chosen.is_fake else shared_window(endpoint),
    )
    redaction = Redaction.of([*catalog.redact, *(one.model_dump() for one in catalog.redact_patterns)])
    return VerifyingLabeler(labeler, engine, redaction=redaction)
