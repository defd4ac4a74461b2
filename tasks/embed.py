"""embed: items, users, enrichments -> embeddings, one vector a content, and one a text of an aspect where asked for.

What is due is the anti-join of contents and vectors under today's fingerprint (model, precision, text template), so an
unchanged catalog embeds nothing. Texts stream in batches, and each batch is committed as it is done.
Time O(due), memory O(batch).
"""

from __future__ import annotations

from tasks.contracts.context import StepContext
from tasks.contracts.plan import PlanLine
from tasks.contracts.report import StepReport
from tasks.labeling import make_labeler
from tasks.labeling.activate import activate
from tasks.labeling.embedder import describe, embedder_for
from tasks.labeling.vectors import (
    aspect_fingerprint,
    embed_aspects,
    embed_items,
    embed_users,
    text_fingerprints,
)
from tasks.running import task
from warehouse.connection import open_warehouse

ASPECTS = "aspects"


@task(name="embed")
def embed(context: StepContext) -> StepReport:
    """Embed what has no vector under today's fingerprint; items that the stage enrich embedded tonight count here."""
    catalog = context.catalog
    embedder = embedder_for(context)
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        enriched = warehouse.value("queries/active_fingerprint", catalog=catalog.name, task="enrich")
        of_items, of_users = text_fingerprints(context, embedder, enriched=enriched)
        activate(warehouse, context, task="embed_items", fingerprint=of_items, labeler=embedder.name)
        activate(warehouse, context, task="embed_users", fingerprint=of_users, labeler=embedder.name)
        scope = {"catalog": catalog.name, "fingerprint": of_items, "run_id": context.run_id}
        before = warehouse.value("queries/count_run_vectors", **scope)
        n_items = before + embed_items(warehouse, context, embedder, fingerprint=of_items)
        n_users = embed_users(warehouse, context, embedder, fingerprint=of_users)
        n_aspects = 0
        if ASPECTS in catalog.candidates.sources:
            of_aspects = aspect_fingerprint(context, embedder)
            activate(warehouse, context, task="embed_aspects", fingerprint=of_aspects, labeler=embedder.name)
            n_aspects = embed_aspects(warehouse, context, embedder, fingerprint=of_aspects)
    told = f", {n_aspects} texts of aspects" if n_aspects else ""
    early = f", {before} of them by the stage enrich" if before else ""
    return StepReport(
        stage="embed",
        catalog=catalog.name,
        rows_in=n_items + n_users + n_aspects,
        rows_out=n_items + n_users + n_aspects,
        notes=(f"{n_items} items{early} and {n_users} users{told} embedded with {describe(embedder)}",),
    )


def plan_embed(context: StepContext) -> PlanLine:
    """How many items, users and texts of aspects have no vector under the fingerprints that tonight's run would give them."""
    catalog = context.catalog
    embedder = embedder_for(context)
    with open_warehouse(context.folder) as warehouse:
        enriched = make_labeler("enrich", context, warehouse).fingerprint("enrich")
        of_items, of_users = text_fingerprints(context, embedder, enriched=enriched)
        items = warehouse.stream("queries/items_to_embed", catalog=catalog.name, fingerprint=of_items)
        users = warehouse.stream("queries/users_to_embed", user_space=catalog.user_space, fingerprint=of_users)
        due = sum(frame.height for frame in items) + sum(frame.height for frame in users)
        if ASPECTS in catalog.candidates.sources:
            of_aspects = aspect_fingerprint(context, embedder)
            aspects = warehouse.stream("queries/aspects_to_embed", catalog=catalog.name, fingerprint=of_aspects)
            due += sum(frame.height for frame in aspects)
    return PlanLine("embed", catalog.name, due, context.embedding_model)
