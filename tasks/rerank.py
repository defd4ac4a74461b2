"""rerank: an LLM puts the first of each list in order -> rerank_orders, and with them `recommendations` anew.

Optional: without rerank.labeler nobody is asked. The first rerank.top items are shown in windows that overlap by half, each
both ways round (see tasks/ranking/reranking.py); users with most history first where rerank.users limits them. Of an answer
what can be used is used: invented and repeated items are dropped and counted, one that is left out keeps its place. A list
with an unanswered window stays as score made it, and the question is a dead letter. An order is paid once: it counts again
whenever the same window is shown. Time O(lists * windows), memory O(block of users + questions in flight).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.plan import PlanLine
from tasks.contracts.report import StepReport
from tasks.labelers.protocol import RankAnswer, Reply
from tasks.labeling import build_labeler, land_replies
from tasks.labeling.served_plan import plan_served
from tasks.labeling.suspicions import watch_suspicions
from tasks.running import task
from tasks.serving import stand_down, write_recommendations
from tasks.serving.orders import due_windows, make_order_questions
from warehouse.connection import open_warehouse

NOBODY = "nobody is asked: rerank.labeler is not set, so lists stay as score made them"
SCHEMA = {
    "profile_hash": pl.String,
    "content_hashes": pl.List(pl.String),
    "ranks": pl.List(pl.Int32),
    "n_invented": pl.Int32,
    "n_repeated": pl.Int32,
    "confidence": pl.Float64,
    "reason": pl.String,
}


@task(name="rerank", hours=24)
def rerank(context: StepContext) -> StepReport:
    """Ask for the orders that are missing, and make the recommendations anew."""
    config = context.catalog.rerank
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        if config.labeler is None:
            return stand_down("rerank", warehouse, context, NOBODY)
        labeler = build_labeler("rerank", context, warehouse, wanted=config.labeler)
        fingerprint = labeler.fingerprint("rerank")
        dropped: Counter[str] = Counter()
        with watch_suspicions(warehouse, context) as watch:
            questions = watch.profiles(make_order_questions(warehouse, context, fingerprint))
            report = land_replies(
                _count_dropped(labeler.rerank(questions), dropped),
                warehouse,
                context=context,
                labeler=labeler,
                task="rerank",
                table="rerank_orders",
                schema=SCHEMA,
                row_of=_row,
                count_due=lambda: sum(map(len, due_windows(warehouse, context, fingerprint))),
            )
        if not report.is_partial:
            warehouse.run(
                "queries/forget_old_letters", catalog=context.catalog.name, task="rerank", run_id=context.run_id
            )
        served = write_recommendations(warehouse, context)
    notes = (*report.notes, f"{served.n_ordered} lists stand in the order of {labeler.name}", *served.notes)
    return replace(report, dropped={**report.dropped, **dropped}, notes=notes)


def plan_rerank(context: StepContext) -> list[PlanLine]:
    """What reranking would take at most: every window of every list; asks nothing. No line where nobody is asked."""
    config = context.catalog.rerank
    n_items = min(config.top, context.catalog.recommend.top_n - context.catalog.recommend.exploration_slots)
    if config.labeler is None or n_items < 2:
        return []
    n_windows = 1 + math.ceil(max(0, n_items - config.window) / max(1, config.window // 2))
    return plan_served(
        "rerank",
        context,
        wanted=config.labeler,
        users=config.users,
        questions_per_user=2 * n_windows,
        items_per_question=min(n_items, config.window),
    )


def _count_dropped(replies: Iterable[Reply[RankAnswer]], dropped: Counter[str]) -> Iterator[Reply[RankAnswer]]:
    """The replies as they are; what of them could not be used is counted."""
    for reply in replies:
        if reply.answer is not None:
            found = {
                "invented items": reply.answer.n_invented,
                "repeated items": reply.answer.n_repeated,
                "items left out, which keep their place": reply.answer.ranks.count(0),
            }
            dropped.update({name: n for name, n in found.items() if n})
        yield reply


def _row(key: str, answer: RankAnswer) -> Mapping[str, Any]:
    profile_hash, *contents = key.split("|")
    return {
        "profile_hash": profile_hash,
        "content_hashes": contents,
        "ranks": list(answer.ranks),
        "n_invented": answer.n_invented,
        "n_repeated": answer.n_repeated,
        "confidence": answer.confidence,
        "reason": answer.reason,
    }
