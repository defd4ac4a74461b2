"""Nights that ask in batches: one warehouse and one server, the questions, and what the server says one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2

from tasks.labelers.openai_topics import build_topics_form
from tasks.labelers.protocol import ItemText, TopicAnswer, TopicDefinition
from tasks.llm.batch.book import BatchBook, MemoryBook
from tasks.llm.batch.files import FileLimits
from tasks.llm.batch.run import BatchDesk
from tasks.llm.budget import Budget
from tasks.llm.cache import MemoryStore, ReplyStore
from tasks.llm.engine import Engine
from tasks.llm.fake.server import LoopbackServer
from tasks.llm.form import Outcome
from tasks.llm.prompts import PROMPTS_DIR
from tasks.llm.types import Endpoint

TOPICS = [TopicDefinition(name, f"{name} and all that belongs to it") for name in ("sport", "space", "food", "law")]
FORM = build_topics_form(PROMPTS_DIR, TOPICS)
Answers = dict[str, TopicAnswer | None]


def items(n: int, first: int = 0) -> list[ItemText]:
    """n questions."""
    return [ItemText(key=f"k{i}", title=f"Title {i}", text=f"Text number {i}.") for i in range(first, first + n)]


class Night:
    """One warehouse and one server, and nights that ask."""

    def __init__(self, folder: Path, server: LoopbackServer) -> None:
        self.folder = folder
        self.server = server
        self.store: ReplyStore = MemoryStore()
        self.book: BatchBook = MemoryBook()

    def engine(self, *, mode: str = "batch", budget: Budget | None = None, rows: int = 50_000, **values: Any) -> Engine:
        endpoint = Endpoint.model_validate(
            {"name": "fake", "model": "fake", "provider": "fake", "base_url": self.server.url, "mode": mode, "usd_per_million_in": 1.0,
             "usd_per_million_out": 1.0, "backoff_seconds": 0.01, **values}
        )  # fmt: skip
        desk = BatchDesk(self.book, self.folder / "batches", FileLimits(rows=rows), first_poll_seconds=0.02)
        return Engine(endpoint, store=self.store, desk=desk, budget=budget)

    def ask(self, questions: list[ItemText], *, size: int = 1, **values: Any) -> list[Outcome[ItemText, TopicAnswer]]:
        return list(self.engine(**values).ask(FORM, questions, size=size))

    def api(self, path: str) -> dict[str, Any]:
        body: dict[str, Any] = httpx2.get(f"{self.server.url}/{path}").json()
        return body

    def batches(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api("batches?limit=100")["data"]
        return found


def answers(outcomes: list[Outcome[ItemText, TopicAnswer]]) -> Answers:
    """The answers by the keys of their questions, of which none comes twice."""
    assert len({outcome.question.key for outcome in outcomes}) == len(outcomes)
    return {outcome.question.key: outcome.answer for outcome in outcomes}


def asked_online(night: Night, questions: list[ItemText]) -> Answers:
    """What the server says when it is asked one by one."""
    other = Night(night.folder, night.server)
    return answers(other.ask(questions, mode="online"))
