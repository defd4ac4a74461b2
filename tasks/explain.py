"""explain: an LLM says why the first of each list are there -> explanations, and with them `recommendations` anew.

Optional: without explain.labeler the templates stand. Asked is about the first explain.top items of each list, as rerank
has ordered it; users with most history first where explain.users limits them. Each explanation is checked against profile,
history, item and facts (see tasks/labelers/explaining.py): one that says more is stored, never served, and counted as
`ungrounded`; the template stands in its place. It is paid once, and counts as long as its facts are true.
Time O(lists * top), memory O(block of users + questions in flight).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.plan import PlanLine
from tasks.contracts.report import StepReport
from tasks.labelers.protocol import Explanation, Reply
from tasks.labeling import build_labeler, land_replies
from tasks.labeling.served_plan import plan_served
from tasks.labeling.suspicions import watch_suspicions
from tasks.running import task
from tasks.serving import stand_down, write_recommendations
from tasks.serving.compose import active_orders
from tasks.serving.explanations import due_rows, make_explain_questions
from warehouse.connection import open_warehouse

NOBODY = "nobody is asked: explain.labeler is not set, so the templates' reasons stand"
UNGROUNDED = "ungrounded"
SCHEMA = {
    "question_key": pl.String,
    "profile_hash": pl.String,
    "explanation": pl.String,
    "content": pl.String,
    "popularity": pl.String,
    "diversity": pl.String,
    "time": pl.String,
    "n_claims": pl.Int64,
    "ungrounded": pl.List(pl.String),
}


@task(name="explain", hours=24)
def explain(context: StepContext) -> StepReport:
    """Ask for the explanations that are missing, and make the recommendations anew."""
    config = context.catalog.explain
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        if config.labeler is None:
            return stand_down("explain", warehouse, context, NOBODY)
        labeler = build_labeler("explain", context, warehouse, wanted=config.labeler)
        fingerprint, orders = labeler.fingerprint("explain"), active_orders(warehouse, context)
        dropped: Counter[str] = Counter()
        with watch_suspicions(warehouse, context) as watch:
            questions = watch.profiles(make_explain_questions(warehouse, context, fingerprint, orders=orders))
            report = land_replies(
                _count_ungrounded(labeler.explain(questions), dropped),
                warehouse,
                context=context,
                labeler=labeler,
                task="explain",
                table="explanations",
                schema=SCHEMA,
                row_of=_row,
                count_due=lambda: sum(len(rows) for rows in due_rows(warehouse, context, fingerprint, orders=orders)),
            )
        if not report.is_partial:
            warehouse.run(
                "queries/forget_old_letters", catalog=context.catalog.name, task="explain", run_id=context.run_id
            )
        served = write_recommendations(warehouse, context)
    notes = (*report.notes, f"{served.n_explained} recommendations are explained by {labeler.name}", *served.notes)
    return replace(report, dropped={**report.dropped, **dropped}, notes=notes)


def plan_explain(context: StepContext) -> list[PlanLine]:
    """What explaining would take at most: the first of every list; asks nothing. No line where nobody is asked."""
    config = context.catalog.explain
    if config.labeler is None:
        return []
    n_items = min(config.top, context.catalog.recommend.top_n)
    return plan_served("explain", context, wanted=config.labeler, users=config.users, questions_per_user=n_items)


def _count_ungrounded(replies: Iterable[Reply[Explanation]], dropped: Counter[str]) -> Iterator[Reply[Explanation]]:
    """The replies as they are; those that say what nothing carries are counted."""
    for reply in replies:
        if reply.answer is not None and reply.answer.ungrounded:
            dropped[UNGROUNDED] += 1
        yield reply


def _row(key: str, answer: Explanation) -> Mapping[str, Any]:
    return {
        "question_key": key,
        "profile_hash": key.split("|")[0],
        "explanation": answer.text,
        "content": answer.content,
        "popularity": answer.popularity,
        "diversity": answer.diversity,
        "time": answer.time,
        "n_claims": answer.n_claims,
        "ungrounded": list(answer.ungrounded),
    }
