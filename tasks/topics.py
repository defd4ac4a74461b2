"""topics: items -> topic_labels: primary topic and up to three, with confidence and reason.

Work list: active contents without a label under today's fingerprint. The embedded labeler's refined prototypes are an
artifact of their own (topic_prototypes): fitted once, fitted again when asked or when the catalog has grown by
`topics.refit_growth`, so that yesterday's labels don't drift by themselves. Time O(due), memory O(questions in flight),
for a fit O(items x dimension).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.contracts.context import StepContext
from tasks.contracts.plan import PlanLine
from tasks.contracts.report import StepReport
from tasks.labelers.protocol import ItemText, TopicAnswer
from tasks.labeling import build_labeler, land_replies, make_labeler, must_fit_prototypes
from tasks.labeling.estimate import estimate_line
from warehouse.connection import Warehouse, open_warehouse

SCHEMA = {
    "content_hash": pl.String,
    "primary_topic": pl.String,
    "topics": pl.List(pl.Struct({"topic": pl.String, "confidence": pl.Float64})),
    "confidence": pl.Float64,
    "reason": pl.String,
}


@task(name="topics", cache_policy=NO_CACHE)
def topics(context: StepContext) -> StepReport:
    """Label the topics of what has no label yet."""
    if not context.catalog.taxonomy:
        return StepReport(
            stage="topics", catalog=context.catalog.name, notes=("the catalog has no taxonomy: no topics",)
        )
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        labeler = build_labeler("topics", context, warehouse)
        fingerprint = labeler.fingerprint("topics")
        return land_replies(
            labeler.label_topics(_questions(warehouse, context, fingerprint)),
            warehouse,
            context=context,
            labeler=labeler,
            task="topics",
            table="topic_labels",
            schema=SCHEMA,
            row_of=_row,
            count_due=lambda: _count_due(warehouse, context, fingerprint),
        )


def plan_topics(context: StepContext) -> PlanLine:
    """What labeling would take, from the work list; asks nothing and fits nothing."""
    if not context.catalog.taxonomy:
        return PlanLine("topics", context.catalog.name, 0, "nobody", note="the catalog has no taxonomy")
    with open_warehouse(context.folder) as warehouse:
        if must_fit_prototypes(context, warehouse):
            due = warehouse.value("queries/count_active_contents", catalog=context.catalog.name)
            return PlanLine(
                "topics", context.catalog.name, due, "embedded", note="the prototypes are fitted anew: all are due"
            )
        labeler = make_labeler("topics", context, warehouse)
        due = _questions(warehouse, context, labeler.fingerprint("topics"))
        return estimate_line("topics", context, labeler, due)


def _count_due(warehouse: Warehouse, context: StepContext, fingerprint: str) -> int:
    due = warehouse.stream("queries/items_to_label", catalog=context.catalog.name, fingerprint=fingerprint)
    return sum(frame.height for frame in due)


def _questions(warehouse: Warehouse, context: StepContext, fingerprint: str) -> Iterator[ItemText]:
    for frame in warehouse.stream("queries/items_to_label", catalog=context.catalog.name, fingerprint=fingerprint):
        for row in frame.to_dicts():
            vector = None if row["vector"] is None else np.asarray(row["vector"], dtype=np.float32)
            yield ItemText(
                key=row["content_hash"], title=row["title"], text=row["text"], author=row["author"], vector=vector
            )


def _row(key: str, answer: TopicAnswer) -> Mapping[str, Any]:
    return {
        "content_hash": key,
        "primary_topic": answer.primary,
        "topics": [{"topic": scored.topic, "confidence": scored.confidence} for scored in answer.topics],
        "confidence": answer.confidence,
        "reason": answer.reason,
    }
