"""enrich: items -> enrichments (summary, themes, mood, audience, keywords, aspects), with provenance.

Work list: active contents without an enrichment under today's fingerprint. Their texts are looked at for what seems to
address a model (injection_suspected). Time O(due), memory O(questions in flight).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.plan import PlanLine
from tasks.contracts.report import StepReport
from tasks.labelers.protocol import Enrichment, ItemText, Labeler
from tasks.labeling import build_labeler, land_replies, make_labeler
from tasks.labeling.embedder import embedder_for
from tasks.labeling.estimate import estimate_line
from tasks.labeling.suspicions import watch_suspicions
from tasks.labeling.vectors import embed_items, needs_enrichment, text_fingerprints
from tasks.running import task
from warehouse.connection import Warehouse, open_warehouse

SCHEMA = {
    "content_hash": pl.String,
    "summary": pl.String,
    "themes": pl.List(pl.String),
    "mood": pl.String,
    "audience": pl.String,
    "keywords": pl.List(pl.String),
    "aspects": pl.String,
    "n_claims": pl.Int64,
    "ungrounded": pl.List(pl.String),
    "confidence": pl.Float64,
}


@task(name="enrich", hours=24)
def enrich(context: StepContext) -> StepReport:
    """Enrich what has no enrichment yet."""
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        labeler = build_labeler("enrich", context, warehouse)
        fingerprint, vectors = labeler.fingerprint("enrich"), _embed_first(warehouse, context, labeler)
        with watch_suspicions(warehouse, context) as watch:
            questions = watch.items(_questions(warehouse, context, fingerprint, vectors))
            return land_replies(
                labeler.enrich(questions),
                warehouse,
                context=context,
                labeler=labeler,
                task="enrich",
                table="enrichments",
                schema=SCHEMA,
                row_of=_row,
                count_due=lambda: _count_due(warehouse, context, fingerprint),
            )


def plan_enrich(context: StepContext) -> PlanLine:
    """What enriching would take, from the work list; asks nothing."""
    with open_warehouse(context.folder) as warehouse:
        labeler = make_labeler("enrich", context, warehouse)
        due = _questions(warehouse, context, labeler.fingerprint("enrich"), "")
        return estimate_line("enrich", context, labeler, due)


def _embed_first(warehouse: Warehouse, context: StepContext, labeler: Labeler) -> str:
    """The fingerprint under which items have a vector by now, "" if they get theirs after enriching.

    The embedded labeler reads an item's mood off its vector: embedding here spares it a second time.
    """
    if not labeler.name.startswith("embedded:") or needs_enrichment(context):
        return ""
    embedder = embedder_for(context)
    fingerprint, _ = text_fingerprints(context, embedder, enriched=None)
    embed_items(warehouse, context, embedder, fingerprint=fingerprint)
    return fingerprint


def _count_due(warehouse: Warehouse, context: StepContext, fingerprint: str) -> int:
    due = warehouse.stream(
        "queries/items_to_enrich", catalog=context.catalog.name, fingerprint=fingerprint, vector_fingerprint=""
    )
    return sum(frame.height for frame in due)


def _questions(warehouse: Warehouse, context: StepContext, fingerprint: str, vectors: str) -> Iterator[ItemText]:
    name = context.catalog.name
    for frame in warehouse.stream(
        "queries/items_to_enrich", catalog=name, fingerprint=fingerprint, vector_fingerprint=vectors
    ):
        for row in frame.to_dicts():
            vector = None if row["vector"] is None else np.asarray(row["vector"], dtype=np.float32)
            yield ItemText(
                key=row["content_hash"], title=row["title"], text=row["text"], author=row["author"], vector=vector
            )


def _row(key: str, answer: Enrichment) -> Mapping[str, Any]:
    return {
        "content_hash": key,
        "summary": answer.summary,
        "themes": list(answer.themes),
        "mood": answer.mood,
        "audience": answer.audience,
        "keywords": list(answer.keywords),
        "aspects": json.dumps(dict(answer.aspects), sort_keys=True, ensure_ascii=False),
        "n_claims": answer.n_claims,
        "ungrounded": list(answer.ungrounded),
        "confidence": answer.confidence,
    }
