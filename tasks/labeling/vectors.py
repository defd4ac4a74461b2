"""Vectors of contents: which text is embedded, under which fingerprint, and landing the vectors batch by batch.

The embed step embeds everything that is due; the enrich step embeds items before it, when its labeler needs vectors and
the text does not hold what enriching is yet to find. Writes embeddings. Time O(due), memory O(batch).
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import Any

import polars as pl

from tasks.contracts.catalog import hash_config
from tasks.contracts.context import StepContext
from tasks.contracts.errors import ConfigError
from tasks.embedding.protocol import Embedder
from tasks.labelers.avoidances import keep_wanted
from tasks.sharding.embedding import embed_batches
from warehouse.clock import utc_now
from warehouse.connection import Warehouse

BATCH = 512
ITEM_FIELDS = frozenset({"title", "text", "author"})
ENRICHED_FIELDS = frozenset({"summary", "mood", "audience", "themes", "keywords"})
WANTED_ONLY = "without what the summary says is avoided, rules of version 1"
USER_FIELDS = frozenset({"summary", "interests", "hobbies", "skills", "job", "onboarding"})


def needs_enrichment(context: StepContext) -> bool:
    """Whether the text of an item holds something that enriching finds."""
    return bool(
        fields_of(context.catalog.text.item, allowed=ITEM_FIELDS | ENRICHED_FIELDS, key="text.item") & ENRICHED_FIELDS
    )


def embed_items(warehouse: Warehouse, context: StepContext, embedder: Embedder, *, fingerprint: str) -> int:
    """Embed the active items without a vector under the fingerprint; how many."""
    name = context.catalog.name
    frames = warehouse.stream("queries/items_to_embed", rows=BATCH, catalog=name, fingerprint=fingerprint)
    template = context.catalog.text.item
    return embed_frames(warehouse, context, embedder, frames=frames, template=template, fingerprint=fingerprint)


def embed_users(warehouse: Warehouse, context: StepContext, embedder: Embedder, *, fingerprint: str) -> int:
    """Embed the active users with a profile and without a vector under the fingerprint; how many.

    What a summary says is avoided is left out; a profile of which nothing is left gets a vector of zeros: no direction.
    """
    space = context.catalog.user_space
    found = warehouse.stream("queries/users_to_embed", rows=BATCH, user_space=space, fingerprint=fingerprint)
    wanted = pl.col("summary").map_elements(keep_wanted, return_dtype=pl.String)
    frames = (frame.with_columns(wanted) for frame in found)
    template = context.catalog.text.user
    return embed_frames(warehouse, context, embedder, frames=frames, template=template, fingerprint=fingerprint)


def aspect_fingerprint(context: StepContext, embedder: Embedder) -> str:
    """Of the vector of what enrichment says of an aspect: the model, and how much of a text is read."""
    return hash_config(embedder.fingerprint, "aspect", context.catalog.text.max_chars)


def embed_aspects(warehouse: Warehouse, context: StepContext, embedder: Embedder, *, fingerprint: str) -> int:
    """Embed each distinct text of an aspect without a vector under the fingerprint, without the aspect's name; how many."""
    name = context.catalog.name
    frames = warehouse.stream("queries/aspects_to_embed", rows=BATCH, catalog=name, fingerprint=fingerprint)
    return embed_frames(warehouse, context, embedder, frames=frames, template="{text}", fingerprint=fingerprint)


def text_fingerprints(context: StepContext, embedder: Embedder, *, enriched: str | None) -> tuple[str, str]:
    """Of items and of users; enriched is the enrichment's, which counts where the item's text holds some of it."""
    template = context.catalog.text
    fields = fields_of(template.item, allowed=ITEM_FIELDS | ENRICHED_FIELDS, key="text.item")
    fields_of(template.user, allowed=USER_FIELDS, key="text.user")
    of_enriched = enriched if fields & ENRICHED_FIELDS else None
    of_items = hash_config(embedder.fingerprint, template.item, template.max_chars, of_enriched)
    return of_items, hash_config(embedder.fingerprint, template.user, template.max_chars, WANTED_ONLY)


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


def embed_frames(
    warehouse: Warehouse,
    context: StepContext,
    embedder: Embedder,
    *,
    frames: Iterator[pl.DataFrame],
    template: str,
    fingerprint: str,
) -> int:
    """Embed and store frames of contents (content_hash and the template's fields), each in a commit; how many."""
    max_chars, done = context.catalog.text.max_chars, 0
    batches = (
        (frame, [render_text(template, row, max_chars=max_chars) for row in frame.to_dicts()]) for frame in frames
    )
    for frame, vectors in embed_batches(batches, embedder, context=context):
        rows = pl.DataFrame(
            {
                "content_hash": frame["content_hash"],
                "fingerprint": fingerprint,
                "vector": vectors,
                "run_id": context.run_id,
                "created_at": utc_now(),
            }
        )
        with warehouse.transaction():
            warehouse.insert("embeddings", rows, on_conflict="ignore")
        done += frame.height
    return done
