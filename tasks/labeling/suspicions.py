"""Notes texts that seem to address a model, as they pass on their way to a labeler. Writes injection_suspected.

A suspicion is for people to look at: the text is asked about all the same, inside its fence. Rows are committed in small
groups; memory O(group + profiles seen).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

import polars as pl

from tasks.contracts.context import StepContext
from tasks.labelers.protocol import (
    ExplainQuestion,
    ItemText,
    JudgeQuestion,
    RankQuestion,
    RewriteQuestion,
    UserText,
)
from tasks.llm.suspicion import find_injections
from warehouse.clock import utc_now
from warehouse.connection import Warehouse

ROWS = 50
SECONDS = 1.0
Source = Literal["item", "profile"]
OfUser = TypeVar("OfUser", JudgeQuestion, RankQuestion, RewriteQuestion, ExplainQuestion)


class SuspicionWatch:
    """Looks at texts on their way; use `watch_suspicions`, which commits what is held at the end."""

    def __init__(self, warehouse: Warehouse, context: StepContext) -> None:
        self._warehouse = warehouse
        self._origin = {"catalog": context.catalog.name, "run_id": context.run_id}
        self._rows: list[dict[str, Any]] = []
        self._profiles: set[str] = set()
        self._last = time.monotonic()

    def items(self, questions: Iterable[ItemText]) -> Iterator[ItemText]:
        """The questions as they are; their items are looked at."""
        for item in questions:
            self._look(item.key, "\n".join((item.title, item.author, item.text)), source="item")
            yield item

    def profiles(self, questions: Iterable[OfUser]) -> Iterator[OfUser]:
        """The questions as they are; each profile is looked at once."""
        for question in questions:
            if question.user.key not in self._profiles:
                self._profiles.add(question.user.key)
                self._look(question.user.key, profile_text(question.user), source="profile")
            yield question

    def flush(self) -> None:
        """Commit what is held; what an earlier run has noted stays as it is."""
        if self._rows:
            self._warehouse.insert("injection_suspected", pl.DataFrame(self._rows), on_conflict="ignore")
        self._rows = []
        self._last = time.monotonic()

    def _look(self, key: str, text: str, *, source: Source) -> None:
        first_of_kind = {found.kind: found.excerpt for found in reversed(find_injections(text))}
        for kind, excerpt in first_of_kind.items():
            row = {"content_hash": key, "kind": kind, "excerpt": excerpt, "source": source, "created_at": utc_now()}
            self._rows.append({**self._origin, **row})
        if self._rows and (len(self._rows) >= ROWS or time.monotonic() - self._last >= SECONDS):
            self.flush()


@contextmanager
def watch_suspicions(warehouse: Warehouse, context: StepContext) -> Iterator[SuspicionWatch]:
    """A watch whose rows are committed when its context ends, in whatever way."""
    watch = SuspicionWatch(warehouse, context)
    try:
        yield watch
    finally:
        watch.flush()


def profile_text(user: UserText) -> str:
    """All that a user wrote of themselves, a line each."""
    return "\n".join((user.summary, user.job, *user.interests, *user.hobbies, *user.skills))
