"""rewrite: users' profiles and histories -> user_queries (search texts, needs, what to avoid) and their embeddings.

Work list: users whose question (the profile, and the last `rewrite.history_items` that they liked) has no answer under
today's fingerprint; of users with truth also the question without held-out pairs. Nothing is asked unless
`rewritten_query` is among `candidates.sources`. Profiles are looked at for what seems to address a model.
Time O(interactions) in DuckDB and O(due); memory O(a page of profiles, and questions in flight).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.plan import PlanLine
from tasks.contracts.report import StepReport
from tasks.labelers.protocol import RewriteAnswer
from tasks.labeling import build_labeler, land_replies, make_labeler
from tasks.labeling.activate import activate
from tasks.labeling.embedder import embedder_for
from tasks.labeling.estimate import estimate_line
from tasks.labeling.query_vectors import embed_queries, query_fingerprint
from tasks.labeling.suspicions import watch_suspicions
from tasks.loading.history import make_history
from tasks.loading.queries import SOURCE, count_due, due_questions, make_user_questions
from tasks.loading.truth import users_with_truth
from tasks.running import task
from warehouse.connection import Warehouse, open_warehouse

SCHEMA = {
    "question_key": pl.String,
    "queries": pl.List(pl.String),
    "needs": pl.List(pl.String),
    "avoid": pl.List(pl.String),
    "confidence": pl.Float64,
}


@task(name="rewrite", hours=24)
def rewrite(context: StepContext) -> StepReport:
    """Ask for the search texts that are missing, and embed those that have no vector."""
    catalog = context.catalog
    if SOURCE not in catalog.candidates.sources:
        note = f"no profile is rewritten, for {SOURCE!r} is not among candidates.sources"
        return StepReport(stage="rewrite", catalog=catalog.name, notes=(note,))
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        _make_questions(warehouse, context)
        labeler = build_labeler("rewrite", context, warehouse)
        fingerprint = labeler.fingerprint("rewrite")
        warehouse.run("queries/forget_unasked_users", catalog=catalog.name)
        with watch_suspicions(warehouse, context) as watch:
            report = land_replies(
                labeler.rewrite(watch.profiles(due_questions(warehouse, context, fingerprint))),
                warehouse,
                context=context,
                labeler=labeler,
                task="rewrite",
                table="user_queries",
                schema=SCHEMA,
                row_of=_row,
                count_due=lambda: count_due(warehouse, fingerprint),
            )
        embedder = embedder_for(context)
        of_queries = query_fingerprint(context, embedder)
        activate(warehouse, context, task="embed_queries", fingerprint=of_queries, labeler=embedder.name)
        n_texts = embed_queries(warehouse, context, embedder, labels=fingerprint)
    return replace(report, notes=(*report.notes, f"{n_texts} search texts embedded with {embedder.name}"))


def plan_rewrite(context: StepContext) -> list[PlanLine]:
    """What rewriting would take, from the work list; asks nothing. No line where no source wants it."""
    if SOURCE not in context.catalog.candidates.sources:
        return []
    with open_warehouse(context.folder) as warehouse:
        _make_questions(warehouse, context)
        labeler = make_labeler("rewrite", context, warehouse)
        due = due_questions(warehouse, context, labeler.fingerprint("rewrite"))
        return [estimate_line("rewrite", context, labeler, due)]


def _make_questions(warehouse: Warehouse, context: StepContext) -> None:
    make_history(warehouse, context)
    folds = range(context.catalog.relevance.folds)
    known = {user_id for fold in folds for user_id in users_with_truth(warehouse, context, fold=fold)}
    make_user_questions(warehouse, context, user_ids=None, holdout_ids=sorted(known))


def _row(key: str, answer: RewriteAnswer) -> Mapping[str, Any]:
    return {
        "question_key": key,
        "queries": list(answer.queries),
        "needs": list(answer.needs),
        "avoid": list(answer.avoid),
        "confidence": answer.confidence,
    }
