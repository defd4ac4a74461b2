"""Asking a labeler to grade or order a few lists, counted: what it answered, how long it took, what it cost."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import polars as pl

from tasks.contracts.errors import UnfinishedError
from tasks.labelers.openai import OpenAILabeler
from tasks.labelers.protocol import JudgeAnswer, JudgeQuestion, Labeler, RankAnswer, RankQuestion, Reply

A = TypeVar("A", JudgeAnswer, RankAnswer)


@dataclass
class Bill:
    """What was asked and what it took; note says why it ended early."""

    n_asked: int = 0
    n_failed: int = 0
    requests: int = 0
    cost_usd: float = 0.0
    seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class Asked:
    """Answers by key, and the bill."""

    grades: Mapping[str, float] = field(default_factory=dict)
    orders: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    bill: Bill = field(default_factory=Bill)


def is_language_model(labeler: Labeler) -> bool:
    """Whether a model answers behind an endpoint, and not the embedded labeler."""
    return isinstance(labeler, OpenAILabeler)


def ask_grades(labeler: Labeler, questions: Iterable[JudgeQuestion]) -> Asked:
    """The relevance 0-3 of each pair by its key; what failed or was cut by the budget has none."""
    bill = Bill()
    answers = {reply.key: reply.answer for reply in _counted(labeler.judge(questions), bill)}
    return Asked(grades={key: float(one.relevance) for key, one in answers.items() if one is not None}, bill=bill)


def ask_orders(labeler: Labeler, questions: Iterable[RankQuestion]) -> Asked:
    """The ranks of each list's items by its key."""
    bill = Bill()
    answers = {reply.key: reply.answer for reply in _counted(labeler.rank(questions), bill)}
    return Asked(orders={key: one.ranks for key, one in answers.items() if one is not None}, bill=bill)


def reorder(lists: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """lists (user_id, item_id, rank) by falling score; scores: user_id, item_id, score.

    Equal scores keep their order; an item without a score counts as the mean of its list.
    """
    joined = lists.join(scores, on=["user_id", "item_id"], how="left", maintain_order="left")
    filled = pl.col("score").fill_null(pl.col("score").mean().over("user_id")).fill_null(0.0)
    ordered = joined.with_columns(filled).sort("user_id", "score", "rank", descending=[False, True, False])
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("user_id")
    return ordered.with_columns(rank=rank).select("user_id", "item_id", "rank")


def _counted(replies: Iterator[Reply[A]], bill: Bill) -> Iterator[Reply[A]]:
    """The replies as they come, each on the bill; a budget that is reached ends them with a note."""
    started = time.perf_counter()
    try:
        for reply in replies:
            bill.n_asked += 1
            bill.n_failed += reply.answer is None
            bill.requests += reply.usage.requests
            bill.cost_usd += reply.usage.cost_usd
            yield reply
    except UnfinishedError as error:
        bill.note = str(error)
    bill.seconds = time.perf_counter() - started
