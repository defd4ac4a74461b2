"""Lands a stream of replies: answers into a label table, failures into dead_letters, and what it cost into the report.

Answers are committed in small groups, so that a crash loses at most the group in flight; the next run asks only what is
missing. Time O(replies), memory O(group).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.errors import StepError, UnfinishedError
from tasks.contracts.report import StepReport, StoppedStage
from tasks.labelers.openai import OpenAILabeler
from tasks.labelers.protocol import (
    Enrichment,
    Explanation,
    JudgeAnswer,
    Labeler,
    RankAnswer,
    Reply,
    RewriteAnswer,
    SimilarAnswer,
    Task,
    TopicAnswer,
    Usage,
)
from warehouse.clock import utc_now
from warehouse.connection import Warehouse
from warehouse.landing import Landing

Answer = TypeVar("Answer", Enrichment, TopicAnswer, SimilarAnswer, JudgeAnswer, RankAnswer, RewriteAnswer, Explanation)

PROGRESS_EVERY = 50
OF_TEXTS = ("enrich", "topics", "similar")
"""What a language model is asked here without a vector being read, but for those by which people's examples are found."""
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
    count_due: Callable[[], int],
) -> StepReport:
    """Store every reply; rows_in counts the questions, rows_out the labels, dropped the dead letters by reason.

    Where the labeler ends before its work list does, all is stored that it answered, and the report is partial;
    count_due then says how many questions the work list still holds. Ctrl-C raises StoppedStage with such a report.
    """
    origin = {"fingerprint": labeler.fingerprint(task), "labeler": labeler.name, "run_id": context.run_id}
    is_embedded = labeler.name.startswith("embedded:")
    landing = Landing(
        warehouse,
        table,
        catalog=context.catalog.name,
        task=task,
        schema={**schema, **PROVENANCE},
        rows=5000 if is_embedded else 500,
        seconds=5.0 if is_embedded else 1.0,
        with_vectors=is_embedded or task not in OF_TEXTS or context.catalog.topics.gold_examples > 0,
    )
    landed = _Landed()
    try:
        with landing:
            for number, reply in enumerate(replies, start=1):
                if number % PROGRESS_EVERY == 0:
                    context.progress(number, None)
                landed.add(reply)
                _land(reply, landing, origin={**origin, "created_at": utc_now()}, row_of=row_of)
    except (UnfinishedError, KeyboardInterrupt) as end:
        landed.end = end
    if context.is_strict and landing.n_dead:
        raise StepError(f"{landing.n_dead} questions of task {task!r} ended as dead letters; see `nightjar status`")
    report = _report(landed, landing, labeler=labeler, n_due=0 if landed.end is None else count_due())
    if isinstance(landed.end, KeyboardInterrupt):
        raise StoppedStage(report) from landed.end
    return report


@dataclass
class _Landed:
    """What the replies have cost, dead letters by reason, and what ended the asking before its work list did."""

    spent: Usage = field(default_factory=Usage)
    dropped: Counter[str] = field(default_factory=Counter)
    end: UnfinishedError | KeyboardInterrupt | None = None

    def add(self, reply: Reply[Any]) -> None:
        """Count one reply."""
        self.spent = _add(self.spent, reply.usage)
        if reply.failure is not None:
            self.dropped[f"dead letter: {reply.failure.reason.split(':')[0]}"] += 1


def _report(landed: _Landed, landing: Landing, *, labeler: Labeler, n_due: int) -> StepReport:
    spent, notes = landed.spent, [f"asked {labeler.name}"]
    if isinstance(labeler, OpenAILabeler):
        notes += labeler.notes
    if landed.end is not None:
        is_stopped = isinstance(landed.end, KeyboardInterrupt)
        notes.append("stopped: all that was answered is stored" if is_stopped else str(landed.end))
        notes.append(f"{n_due} questions stay due")
    if landing.n_labels and spent.requests:
        tokens = (spent.tokens_in + spent.tokens_out) / landing.n_labels
        notes.append(f"{tokens:.0f} tokens a label, {landing.n_labels / spent.requests:.1f} labels a request")
    return StepReport(
        stage=landing.task,
        catalog=landing.catalog,
        rows_in=landing.n_labels + landing.n_dead,
        rows_out=landing.n_labels,
        dropped=dict(landed.dropped),
        requests=spent.requests,
        tokens_in=spent.tokens_in,
        tokens_out=spent.tokens_out,
        cost_usd=spent.cost_usd,
        notes=tuple(notes),
        is_partial=landed.end is not None,
        n_due=n_due,
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
    return Usage(**{part.name: getattr(one, part.name) + getattr(other, part.name) for part in fields(Usage)})
