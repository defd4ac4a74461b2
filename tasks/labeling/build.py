"""Builds the labeler of a task for a catalog, and says that its rows count from now on.

Reads topic_prototypes and vectors, writes topic_prototypes (when it fits them) and active_fingerprints.
"""

from __future__ import annotations

import polars as pl

from tasks.contracts.catalog import hash_config
from tasks.contracts.context import StepContext
from tasks.contracts.errors import ConfigError, MissingInputError
from tasks.embedding.protocol import Embedder
from tasks.labelers.embedded import EmbeddedLabeler
from tasks.labelers.openai import OpenAILabeler
from tasks.labelers.protocol import Labeler, Task, TopicDefinition
from tasks.labelers.prototypes import Prototypes, fit_prototypes
from tasks.labeling.activate import activate
from tasks.labeling.embedder import embedder_for
from tasks.labeling.endpoint import make_endpoint
from tasks.labeling.replies import WarehouseStore
from warehouse.clock import utc_now
from warehouse.connection import Warehouse
from warehouse.vectors import read_vectors


def choose_labeler(task: Task, context: StepContext) -> str:
    """ "embedded" or "openai"; "auto" is openai where a key is set. Raises ConfigError if openai lacks its key."""
    wanted = getattr(context.catalog.labelers, task)
    has_key = context.endpoint.api_key is not None
    if wanted == "auto":
        return "openai" if has_key else "embedded"
    if wanted == "openai" and not has_key:
        raise ConfigError(
            f"catalog {context.catalog.name!r} asks for labelers.{task} = 'openai', but {context.endpoint.api_key_env} is"
            " not set; set it, or choose 'embedded'"
        )
    return str(wanted)


def build_labeler(task: Task, context: StepContext, warehouse: Warehouse) -> Labeler:
    """The labeler that answers `task` for this catalog; its fingerprint is today's from now on."""
    labeler = make_labeler(task, context, warehouse)
    activate(warehouse, context, task=task, fingerprint=labeler.fingerprint(task), labeler=labeler.name)
    return labeler


def make_labeler(task: Task, context: StepContext, warehouse: Warehouse) -> Labeler:
    """The same without activating it, as `nightjar plan` needs it."""
    catalog = context.catalog
    taxonomy = [
        TopicDefinition(topic.name, topic.description, topic.guidelines, topic.examples) for topic in catalog.taxonomy
    ]
    if choose_labeler(task, context) == "openai":
        size = context.endpoint.questions_per_request
        return OpenAILabeler(
            make_endpoint(context.endpoint),
            api_key=context.endpoint.api_key,
            taxonomy=taxonomy,
            aspects=catalog.aspects,
            store=WarehouseStore(warehouse, task),
            questions_per_request={task: size},
        )
    embedder = embedder_for(context.embedding_model)
    needs_prototypes = task == "topics" and bool(taxonomy)
    prototypes = _prototypes(warehouse, context, taxonomy, embedder) if needs_prototypes else None
    return EmbeddedLabeler(embedder, taxonomy=taxonomy, prototypes=prototypes, aspects=catalog.aspects)


def must_fit_prototypes(context: StepContext, warehouse: Warehouse) -> bool:
    """Whether the embedded labeler would fit its topic prototypes anew, so that all topic labels were due."""
    if choose_labeler("topics", context) != "embedded":
        return False
    return _stored_prototypes(warehouse, context, _basis(warehouse, context)) is None


def _prototypes(
    warehouse: Warehouse, context: StepContext, taxonomy: list[TopicDefinition], embedder: Embedder
) -> Prototypes:
    """The stored prototypes, fitted anew when there are none, when asked, or when the catalog has outgrown them."""
    catalog, basis = context.catalog, _basis(warehouse, context)
    stored = _stored_prototypes(warehouse, context, basis)
    if stored is not None:
        return stored
    frame, vectors = read_vectors(warehouse, "queries/item_vectors", catalog=catalog.name)
    if frame.is_empty():
        raise MissingInputError(f"catalog {catalog.name!r} has no embedded item; run `nightjar embed` first")
    fitted = fit_prototypes(vectors, taxonomy, embedder=embedder, rounds=catalog.topics.refit_rounds)
    row = {
        "catalog": catalog.name,
        "version": fitted.version,
        "basis_hash": basis,
        "n_items": warehouse.value("queries/count_active_items", catalog=catalog.name),
        "prototypes": fitted.to_json(),
        "run_id": context.run_id,
        "fitted_at": utc_now(),
    }
    warehouse.insert("topic_prototypes", pl.DataFrame([row]), on_conflict="replace")
    return fitted


def _stored_prototypes(warehouse: Warehouse, context: StepContext, basis: str) -> Prototypes | None:
    catalog = context.catalog
    stored = warehouse.query("queries/latest_prototypes", catalog=catalog.name, basis_hash=basis)
    if stored.is_empty() or context.refit_topics:
        return None
    n_items = warehouse.value("queries/count_active_items", catalog=catalog.name)
    has_outgrown = n_items >= (1 + catalog.topics.refit_growth) * stored["n_items"][0]
    return None if has_outgrown else Prototypes.from_json(stored["prototypes"][0])


def _basis(warehouse: Warehouse, context: StepContext) -> str:
    """All that prototypes are fitted from, but the items themselves."""
    catalog = context.catalog
    embedding = warehouse.value("queries/active_fingerprint", catalog=catalog.name, task="embed_items")
    taxonomy = [topic.model_dump(mode="json") for topic in catalog.taxonomy]
    return hash_config(taxonomy, embedding, context.embedding_model, catalog.topics.refit_rounds)
