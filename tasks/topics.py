"""topics: items -> topic_labels: primary topic and up to three, with confidence and reason.

Work list: active contents without a label under today's fingerprint. The embedded labeler's refined prototypes are an
artifact of their own (topic_prototypes): fitted once, fitted again when asked or when the catalog has grown by
`topics.refit_growth`, so that yesterday's labels don't drift by themselves. Time O(due), memory O(questions in flight),
for a fit at most 100,000 x dimension, for a cascade O(items x topics).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from math import floor
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.choose import choose_endpoint
from tasks.contracts.context import StepContext
from tasks.contracts.plan import PlanLine
from tasks.contracts.report import StepReport
from tasks.labelers.protocol import ItemText, Labeler, TopicAnswer
from tasks.labeling import land_replies, make_labeler, must_fit_prototypes
from tasks.labeling.combining import combine_labels
from tasks.labeling.estimate import estimate_line
from tasks.labeling.gold_examples import read_shelf
from tasks.labeling.panel import ask_panel
from tasks.running import task
from warehouse.connection import Warehouse, open_warehouse

SCHEMA = {
    "content_hash": pl.String,
    "primary_topic": pl.String,
    "topics": pl.List(pl.Struct({"topic": pl.String, "confidence": pl.Float64})),
    "confidence": pl.Float64,
    "reason": pl.String,
}


@task(name="topics", hours=24)
def topics(context: StepContext) -> StepReport:
    """Label the topics of what has no label yet, by one labeler, by several, or by a cascade."""
    if not context.catalog.taxonomy:
        return StepReport(
            stage="topics", catalog=context.catalog.name, notes=("the catalog has no taxonomy: no topics",)
        )
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        if context.catalog.cascade.strong:
            # Imported where it is used: it brings scikit-learn with it.
            from tasks.labeling.cascade import run_cascade

            return run_cascade(context, warehouse, lambda labeler, role: _ask(warehouse, context, labeler, role))
        report = ask_panel("topics", context, warehouse, lambda labeler: _ask(warehouse, context, labeler))
        return replace(report, notes=(*report.notes, *combine_labels("topics", context, warehouse)))


def plan_topics(context: StepContext) -> list[PlanLine]:
    """What labeling would take, a line a labeler; asks nothing and fits nothing."""
    catalog = context.catalog
    if not catalog.taxonomy:
        return [PlanLine("topics", catalog.name, 0, "nobody", note="the catalog has no taxonomy")]
    with open_warehouse(context.folder) as warehouse:
        due = warehouse.value("queries/count_active_contents", catalog=catalog.name)
        lines = [_plan_one(warehouse, context, wanted) for wanted in catalog.labelers.panel("topics")]
        if catalog.cascade.strong:
            strong = make_labeler("topics", context, warehouse, wanted=catalog.cascade.strong)
            most = floor(max(catalog.cascade.strong_share, catalog.cascade.audit_share) * due)
            questions = islice(_questions(warehouse, context, strong), most)
            note = f"the cascade asks it about {most} of {due} contents at most"
            lines.append(estimate_line("topics", context, strong, questions, note=note))
        return lines


def _plan_one(warehouse: Warehouse, context: StepContext, wanted: str) -> PlanLine:
    if choose_endpoint("topics", context, wanted) is None and must_fit_prototypes(context, warehouse):
        due = warehouse.value("queries/count_active_contents", catalog=context.catalog.name)
        note = "the prototypes are fitted anew: all are due"
        return PlanLine("topics", context.catalog.name, due, "embedded", note=note)
    labeler = make_labeler("topics", context, warehouse, wanted=wanted)
    return estimate_line("topics", context, labeler, _questions(warehouse, context, labeler))


def _ask(warehouse: Warehouse, context: StepContext, labeler: Labeler, role: str = "") -> StepReport:
    """Land the labeler's answers to all that it has not answered, or to what a cascade wants of its role."""
    return land_replies(
        labeler.label_topics(_questions(warehouse, context, labeler, role)),
        warehouse,
        context=context,
        labeler=labeler,
        task="topics",
        table="topic_labels",
        schema=SCHEMA,
        row_of=_row,
        count_due=lambda: sum(frame.height for frame in _due(warehouse, context, labeler, role)),
    )


def _due(warehouse: Warehouse, context: StepContext, labeler: Labeler, role: str) -> Iterator[pl.DataFrame]:
    return warehouse.stream(
        "queries/items_to_label",
        catalog=context.catalog.name,
        fingerprint=labeler.fingerprint("topics"),
        role=role,
        with_vectors=labeler.name.startswith("embedded:") or context.catalog.topics.gold_examples > 0,
    )


def _questions(warehouse: Warehouse, context: StepContext, labeler: Labeler, role: str = "") -> Iterator[ItemText]:
    n_examples = context.catalog.topics.gold_examples
    shelf = read_shelf(warehouse, catalog=context.catalog.name) if n_examples else None
    for frame in _due(warehouse, context, labeler, role):
        # Never as rows of Python: a vector's numbers would each be an object.
        rows = frame.drop("vector").iter_rows(named=True)
        for row, vector in zip(rows, _vectors_of(frame["vector"]), strict=True):
            key = row["content_hash"]
            examples = shelf.nearest(key, vector, n=n_examples) if shelf else ()
            yield ItemText(
                key=key, title=row["title"], text=row["text"], author=row["author"], vector=vector, examples=examples
            )


def _vectors_of(column: pl.Series) -> list[NDArray[np.float32] | None]:
    """A vector a row, None where there is none."""
    given = column.is_not_null().to_list()
    if not any(given):
        return [None] * len(given)
    numbers = column.drop_nulls().explode(empty_as_null=True).to_numpy().astype(np.float32)
    known = iter(numbers.reshape(sum(given), -1))
    return [next(known) if is_given else None for is_given in given]


def _row(key: str, answer: TopicAnswer) -> Mapping[str, Any]:
    return {
        "content_hash": key,
        "primary_topic": answer.primary,
        "topics": [{"topic": scored.topic, "confidence": scored.confidence} for scored in answer.topics],
        "confidence": answer.confidence,
        "reason": answer.reason,
    }
