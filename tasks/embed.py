"""embed: items, users -> embeddings, one vector a content.

What is due is the anti-join of contents and vectors under today's fingerprint (model, precision, text template), so an
unchanged catalog embeds nothing. Texts stream in batches, and each batch is committed as it is done.
Time O(due), memory O(batch).
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import Any

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.contracts.catalog import hash_config
from tasks.contracts.context import StepContext
from tasks.contracts.errors import ConfigError
from tasks.contracts.plan import PlanLine
from tasks.contracts.report import StepReport
from tasks.embedding.protocol import Embedder
from tasks.labeling import make_labeler
from tasks.labeling.activate import activate
from tasks.labeling.embedder import embedder_for
from warehouse.clock import utc_now
from warehouse.connection import Warehouse, open_warehouse

BATCH = 512
ITEM_FIELDS = frozenset({"title", "text", "author"})
ENRICHED_FIELDS = frozenset({"summary", "mood", "audience", "themes", "keywords"})
USER_FIELDS = frozenset({"summary", "interests", "hobbies", "skills", "job"})


@task(name="embed", cache_policy=NO_CACHE)
def embed(context: StepContext) -> StepReport:
    """Embed what has no vector under today's fingerprint."""
    catalog = context.catalog
    embedder = embedder_for(context.embedding_model)
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        enriched = warehouse.value("queries/active_fingerprint", catalog=catalog.name, task="enrich")
        of_items, of_users = _fingerprints(context, embedder, enriched=enriched)
        activate(warehouse, context, task="embed_items", fingerprint=of_items, labeler=embedder.name)
        activate(warehouse, context, task="embed_users", fingerprint=of_users, labeler=embedder.name)
        items = warehouse.stream("queries/items_to_embed", rows=BATCH, catalog=catalog.name, fingerprint=of_items)
        users = warehouse.stream(
            "queries/users_to_embed", rows=BATCH, user_space=catalog.user_space, fingerprint=of_users
        )
        template = catalog.text
        n_items = _embed_all(warehouse, context, embedder, frames=items, template=template.item, fingerprint=of_items)
        n_users = _embed_all(warehouse, context, embedder, frames=users, template=template.user, fingerprint=of_users)
    return StepReport(
        stage="embed",
        catalog=catalog.name,
        rows_in=n_items + n_users,
        rows_out=n_items + n_users,
        notes=(f"{n_items} items and {n_users} users embedded with {embedder.name}",),
    )


def plan_embed(context: StepContext) -> PlanLine:
    """How many items and users have no vector under the fingerprints that tonight's run would give them."""
    catalog = context.catalog
    embedder = embedder_for(context.embedding_model)
    with open_warehouse(context.folder) as warehouse:
        enriched = make_labeler("enrich", context, warehouse).fingerprint("enrich")
        of_items, of_users = _fingerprints(context, embedder, enriched=enriched)
        items = warehouse.stream("queries/items_to_embed", catalog=catalog.name, fingerprint=of_items)
        users = warehouse.stream("queries/users_to_embed", user_space=catalog.user_space, fingerprint=of_users)
        due = sum(frame.height for frame in items) + sum(frame.height for frame in users)
    return PlanLine("embed", catalog.name, due, context.embedding_model)


def _fingerprints(context: StepContext, embedder: Embedder, *, enriched: str | None) -> tuple[str, str]:
    """Of items and of users; enriched is the enrichment's, which counts where the item's text holds some of it."""
    template = context.catalog.text
    fields = fields_of(template.item, allowed=ITEM_FIELDS | ENRICHED_FIELDS, key="text.item")
    fields_of(template.user, allowed=USER_FIELDS, key="text.user")
    of_enriched = enriched if fields & ENRICHED_FIELDS else None
    of_items = hash_config(embedder.fingerprint, template.item, template.max_chars, of_enriched)
    return of_items, hash_config(embedder.fingerprint, template.user, template.max_chars)


def fields_of(template: str, *, allowed: frozenset[str], key: str) -> set[str]:
    """The fields that a template names. Raises ConfigError for one that does not exist."""
    try:
        fields = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
    except ValueError as error:
        raise ConfigError(f"{key} = {template!r} is no template: {error}") from error
    unknown = sorted(fields - allowed)
    if unknown:
        raise ConfigError(f"{key} names the field {unknown[0]!r}; known fields are {', '.join(sorted(allowed))}")
    return fields


def render_text(template: str, row: dict[str, Any], *, max_chars: int) -> str:
    """The text to embed: absent fields are left out, blanks collapsed.

    >>> render_text("{title}. {text}", {"title": "Rain", "text": None}, max_chars=100)
    'Rain.'
    """
    filled = template.format_map({key: value or "" for key, value in row.items()})
    return "\n".join(" ".join(line.split()) for line in filled.splitlines() if line.strip())[:max_chars]


def _embed_all(
    warehouse: Warehouse,
    context: StepContext,
    embedder: Embedder,
    *,
    frames: Iterator[pl.DataFrame],
    template: str,
    fingerprint: str,
) -> int:
    done = 0
    for frame in frames:
        texts = [render_text(template, row, max_chars=context.catalog.text.max_chars) for row in frame.to_dicts()]
        vectors = embedder.encode(texts)
        rows = pl.DataFrame(
            {
                "content_hash": frame["content_hash"],
                "fingerprint": fingerprint,
                "vector": pl.Series(vectors, dtype=pl.Array(pl.Float32, vectors.shape[1])).cast(pl.List(pl.Float32)),
                "run_id": context.run_id,
                "created_at": utc_now(),
            }
        )
        with warehouse.transaction():
            warehouse.insert("embeddings", rows, on_conflict="ignore")
        done += frame.height
    return done
