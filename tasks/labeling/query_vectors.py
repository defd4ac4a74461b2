"""Vectors of search texts: each distinct text of today's questions is embedded once, whoever it belongs to.

Reads user_questions (made by `tasks.loading.queries`) and user_queries, writes embeddings. Time O(due texts), and a pass over
the texts each PAGE of them; memory O(PAGE).
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from tasks.contracts.catalog import hash_config
from tasks.contracts.context import StepContext
from tasks.embedding.protocol import Embedder
from tasks.labeling.vectors import BATCH, embed_frames
from warehouse.connection import Warehouse

PAGE = 16 * BATCH
TEMPLATE = "{text}"


def query_fingerprint(context: StepContext, embedder: Embedder) -> str:
    """Of a search text's vector: the model, and how much of a text is read."""
    return hash_config(embedder.fingerprint, "query", context.catalog.text.max_chars)


def embed_queries(warehouse: Warehouse, context: StepContext, embedder: Embedder, *, labels: str) -> int:
    """Embed the texts that were written under the fingerprint `labels` and have no vector yet; how many."""
    fingerprint = query_fingerprint(context, embedder)
    frames = _due_texts(warehouse, labels=labels, fingerprint=fingerprint)
    return embed_frames(warehouse, context, embedder, frames=frames, template=TEMPLATE, fingerprint=fingerprint)


def _due_texts(warehouse: Warehouse, *, labels: str, fingerprint: str) -> Iterator[pl.DataFrame]:
    after = ""
    while True:
        page = warehouse.query(
            "queries/queries_to_embed", labels=labels, fingerprint=fingerprint, after=after, limit=PAGE
        )
        yield from page.iter_slices(BATCH)
        if page.height < PAGE:
            return
        after = page["content_hash"][-1]
