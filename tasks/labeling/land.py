"""Lands a stream of replies: answers into a label table, failures into dead_letters, and what it cost into the report.

Answers are committed in small groups, so that a crash loses at most the group in flight; the next run asks only what is
missing. Time O(replies), memory O(group).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

import polars as pl

from tasks.contracts.catalog import BudgetConfig
from tasks.contracts.context import StepContext
from tasks.contracts.errors import StepError
from tasks.contracts.report import StepReport
from tasks.labelers.protocol import Enrichment, JudgeAnswer, Labeler, Reply, SimilarAnswer, Task, TopicAnswer, Usage
from warehouse.clock import utc_now
from warehouse.connection import Warehouse
from warehouse.landing import Landing

Answer = TypeVar("Answer", Enrichment, TopicAnswer, SimilarAnswer, JudgeAnswer)

PROGRESS_EVERY = 50
SPENT = ("requests", "tokens_in", "tokens_out", "cost_usd")
PROVENANCE: dict[str, Any] = {
    "fingerprint": pl.String,
    "labeler": pl.String,
    "requests": pl.Int64,
    "tokens_in": pl.Int64,
    "tokens_out": pl.Int64,
    "cost_usd": pl.Float64,
    "run_id": pl.String,
    "created_at": pl.Datetime("us"),
}


def land_replies(
    replies: Iterable[Reply[Answer]],
    warehouse: Warehouse,
    *,
    context: StepContext,
    labeler: Labeler,
    task: Task,
    table: str,
    schema: Mapping[str, Any],
    row_of: Callable[[str, Answer], Mapping[str, Any]],
) -> StepReport:
    """Store every reply; rows_in counts the questions, rows_out the labels, dropped the dead letters by reason."""
    origin = {"fingerprint": labeler.fingerprint(task), "labeler": labeler.name, "run_id": context.run_id}
    is_embedded = labeler.name.startswith("embedded:")
    landing = Landing(
        warehouse,
        table,
        catalog=context.catalog.name,
        task=task,
        schema={**schema, **PROVENANCE},
        rows=5000 if is_embedded else 50,
        seconds=5.0 if is_embedded else 1.0,
    )
    spent = Usage()
    notes = [f"asked {labeler.name}"]
    dropped: Counter[str] = Counter()
    try:
        for number, reply in enumerate(replies, start=1):
            if number % PROGRESS_EVERY == 0:
                context.progress(number, None)
            spent = _add(spent, reply.usage)
            _land(reply, landing, origin={**origin, "created_at": utc_now()}, row_of=row_of)
            if reply.failure is not None:
                dropped[f"dead letter: {reply.failure.reason.split(':')[0]}"] += 1
            if _is_spent(context.catalog.budget, spent):
                notes.append("the budget is reached: what is left stays due")
                break
    finally:
        landing.flush()
    if context.is_strict and landing.n_dead:
        raise StepError(f"{landing.n_dead} questions of task {task!r} ended as dead letters; see `nightjar status`")
    return StepReport(
        stage=task,
        catalog=context.catalog.name,
        rows_in=landing.n_labels + landing.n_dead,
        rows_out=landing.n_labels,
        dropped=dict(dropped),
        requests=spent.requests,
        tokens_in=spent.tokens_in,
        tokens_out=spent.tokens_out,
        cost_usd=spent.cost_usd,
        notes=tuple(notes),
    )


def _land(
    reply: Reply[Answer],
    landing: Landing,
    *,
    origin: Mapping[str, Any],
    row_of: Callable[[str, Answer], Mapping[str, Any]],
) -> None:
    if reply.answer is not None:
        usage = {name: getattr(reply.usage, name) for name in SPENT}
        landing.label(reply.key, {**row_of(reply.key, reply.answer), **origin, **usage})
    elif reply.failure is not None:
        letter = {"catalog": landing.catalog, "task": landing.task, "question_key": reply.key}
        landing.dead_letter({**letter, **origin, **asdict(reply.failure)})


def _add(one: Usage, other: Usage) -> Usage:
    return Usage(**{field.name: getattr(one, field.name) + getattr(other, field.name) for field in fields(Usage)})


def _is_spent(budget: BudgetConfig, spent: Usage) -> bool:
    """Whether a limit is reached. Replies to requests in flight are stored by the engine, and free the next night."""
    requests, cost = budget.max_requests, budget.max_cost_usd
    return (requests is not None and spent.requests >= requests) or (cost is not None and spent.cost_usd >= cost)
