"""Builds the labeler of a task for a catalog, and says that its rows count from now on.

Reads topic_prototypes and vectors, writes topic_prototypes (when it fits them), prompt_versions and
active_fingerprints.
"""

from __future__ import annotations

import polars as pl

from tasks.contracts.catalog import hash_config
from tasks.contracts.choose import choose_endpoint
from tasks.contracts.context import EndpointSettings, StepContext
from tasks.contracts.errors import MissingInputError
from tasks.embedding.protocol import Embedder
from tasks.labelers.openai import OpenAILabeler
from tasks.labelers.openai_verify import VerifyingLabeler
from tasks.labelers.protocol import Labeler, Task, TopicDefinition
from tasks.labelers.prototypes import Prototypes, fit_prototypes
from tasks.labeling.activate import activate
from tasks.labeling.budget import Spent, budget_for
from tasks.labeling.embedder import embedder_for
from tasks.labeling.endpoint import make_endpoint
from tasks.labeling.prompt_versions import store_prompt
from tasks.labeling.replies import WarehouseBook, WarehouseStore
from tasks.labeling.verifying import add_verifier
from tasks.labeling.window import shared_window
from tasks.llm.batch.run import BatchDesk
from tasks.llm.budget import Budget
from tasks.llm.cache import ReplyStore
from tasks.llm.redact import Redaction
from tasks.sharding.labeling import LabelerParts, SpreadLabeler, build_embedded
from warehouse.clock import utc_now
from warehouse.connection import Warehouse
from warehouse.vectors import read_vectors

BATCHES = "batches"
FIT_ITEMS = 100_000
"""Contents that topic prototypes are fitted to at most, those of the lowest hashes, which are as good as drawn: a mean of
thousands of vectors is not better for millions, and 384 numbers of each would not fit into memory."""


def build_labeler(
    task: Task,
    context: StepContext,
    warehouse: Warehouse,
    *,
    wanted: str | None = None,
    spent: Spent = (0, 0.0),
    is_first: bool = True,
) -> Labeler:
    """The labeler that answers `task` for this catalog, its prompt stored; as the first, its rows count from now on.

    wanted is one of several labelers, None the first of the catalog's; spent is what the task has asked already tonight.
    """
    labeler = make_labeler(task, context, warehouse, wanted=wanted, spent=spent)
    prompt_hash = ""
    asked = labeler.labeler if isinstance(labeler, VerifyingLabeler) else labeler
    if isinstance(asked, OpenAILabeler):
        template = asked.template(task)
        prompt_hash = template.hash
        store_prompt(warehouse, context, task=task, template=template)
    if is_first:
        fingerprint = labeler.fingerprint(task)
        activate(warehouse, context, task=task, fingerprint=fingerprint, labeler=labeler.name, prompt_hash=prompt_hash)
    return labeler


def make_labeler(
    task: Task, context: StepContext, warehouse: Warehouse, *, wanted: str | None = None, spent: Spent = (0, 0.0)
) -> Labeler:
    """The same without activating it, as `nightjar plan` needs it."""
    labeler = _make_labeler(task, context, warehouse, wanted=wanted, spent=spent)
    return add_verifier(labeler, context, warehouse, spent=spent) if task == "enrich" else labeler


def _make_labeler(
    task: Task, context: StepContext, warehouse: Warehouse, *, wanted: str | None, spent: Spent
) -> Labeler:
    endpoint = choose_endpoint(task, context, wanted)
    if endpoint is not None:
        replies = warehouse.replies
        return ask_endpoint(
            task,
            context,
            endpoint,
            store=WarehouseStore(replies, task),
            budget=budget_for(task, context, warehouse, endpoint=endpoint, spent=spent),
            desk=BatchDesk(WarehouseBook(replies, task), warehouse.folder / BATCHES),
        )
    catalog, taxonomy = context.catalog, _taxonomy(context)
    embedder = embedder_for(context)
    needs_prototypes = task == "topics" and bool(taxonomy)
    prototypes = _prototypes(warehouse, context, taxonomy, embedder) if needs_prototypes else None
    parts = LabelerParts(
        model=context.embedding_model,
        precision=context.embedding_precision,
        device=context.embedding_device,
        taxonomy=tuple(taxonomy),
        prototypes=prototypes,
        aspects=tuple(catalog.aspects),
        summary_words=catalog.enrichment.summary_words,
        n_queries=catalog.rewrite.queries,
    )
    if context.pool is None:
        return build_embedded(parts, embedder)
    return SpreadLabeler(parts, embedder, pool=context.pool, folder=f"{catalog.name}/labels")


def ask_endpoint(
    task: Task,
    context: StepContext,
    endpoint: EndpointSettings,
    *,
    store: ReplyStore | None = None,
    budget: Budget | None = None,
    desk: BatchDesk | None = None,
) -> OpenAILabeler:
    """The labeler that asks an endpoint, with the catalog's taxonomy, aspects and redaction."""
    catalog, asked = context.catalog, make_endpoint(endpoint)
    return OpenAILabeler(
        asked,
        api_key=endpoint.api_key,
        taxonomy=_taxonomy(context),
        aspects=catalog.aspects,
        enrichment=catalog.enrichment,
        rewriting=catalog.rewrite,
        gold_examples=catalog.topics.gold_examples,
        confidence=catalog.confidence,
        store=store,
        budget=budget,
        # Each process has a fake provider of its own, so that nobody shares its limits.
        window=None if endpoint.is_fake else shared_window(asked),
        desk=desk,
        redaction=Redaction.of([*catalog.redact, *(one.model_dump() for one in catalog.redact_patterns)]),
        questions_per_request={task: endpoint.questions_per_request},
    )


def must_fit_prototypes(context: StepContext, warehouse: Warehouse) -> bool:
    """Whether the embedded labeler would fit its topic prototypes anew, so that all topic labels were due."""
    panel = context.catalog.labelers.panel("topics")
    if all(choose_endpoint("topics", context, wanted) is not None for wanted in panel):
        return False
    return _stored_prototypes(warehouse, context, _basis(warehouse, context)) is None


def _taxonomy(context: StepContext) -> list[TopicDefinition]:
    return [
        TopicDefinition(topic.name, topic.description, topic.guidelines, topic.examples, topic.parent)
        for topic in context.catalog.taxonomy
    ]


def _prototypes(
    warehouse: Warehouse, context: StepContext, taxonomy: list[TopicDefinition], embedder: Embedder
) -> Prototypes:
    """The stored prototypes, fitted anew when there are none, when asked, or when the catalog has outgrown them."""
    catalog, basis = context.catalog, _basis(warehouse, context)
    stored = _stored_prototypes(warehouse, context, basis)
    if stored is not None:
        return stored
    frame, vectors = read_vectors(warehouse, "queries/prototype_vectors", catalog=catalog.name, most=FIT_ITEMS)
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
    # A parent is only told where there is one, so that flat taxonomies keep the prototypes that they have.
    taxonomy = [
        topic.model_dump(mode="json", exclude=None if topic.parent else {"parent"}) for topic in catalog.taxonomy
    ]
    return hash_config(taxonomy, embedding, context.embedding_model, catalog.topics.refit_rounds)
