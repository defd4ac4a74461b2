"""A labeler for tests, at the Labeler protocol: it notes whatever it is asked, and fails where a test wants it to."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TypeVar

import pytest

from tasks.labelers.explaining import check_explanation
from tasks.labelers.protocol import (
    Enrichment,
    ExplainQuestion,
    Explanation,
    Failure,
    ItemText,
    JudgeAnswer,
    JudgeQuestion,
    PairQuestion,
    RankAnswer,
    RankQuestion,
    Reply,
    RewriteAnswer,
    RewriteQuestion,
    ScoredTopic,
    SimilarAnswer,
    Task,
    TopicAnswer,
    Usage,
)

A = TypeVar("A", Enrichment, TopicAnswer, SimilarAnswer, JudgeAnswer, RankAnswer, RewriteAnswer, Explanation)
COST = Usage(requests=1, tokens_in=10, tokens_out=2, cost_usd=0.5)


class ScriptedLabeler:
    """asked: keys by task, in order. broken: parts of keys that get a failure. dies_after: answers before it breaks down."""

    name = "scripted"

    def __init__(self) -> None:
        self.version = "1"
        self.asked: dict[Task, list[str]] = defaultdict(list)
        self.texts: dict[str, str] = {}
        self.broken: set[str] = set()
        self.dies_after: int | None = None

    def plug(self, patched: pytest.MonkeyPatch) -> None:
        """Let every labeling step ask this labeler."""
        patched.setattr("tasks.labeling.build.make_labeler", lambda task, context, warehouse, **more: self)

    def take(self) -> dict[Task, list[str]]:
        """What was asked since the last time."""
        taken, self.asked = self.asked, defaultdict(list)
        return dict(taken)

    def fingerprint(self, task: Task) -> str:
        return f"scripted-{task}-{self.version}"

    def enrich(self, items: Iterable[ItemText]) -> Iterator[Reply[Enrichment]]:
        for item in items:
            answer = Enrichment(item.title, ("theme",), "sober", "all", ("key",), {"place": "here"}, 0.5)
            yield self._reply("enrich", item.key, answer, item.text)

    def label_topics(self, items: Iterable[ItemText]) -> Iterator[Reply[TopicAnswer]]:
        for item in items:
            answer = TopicAnswer((ScoredTopic("sport", 0.8), ScoredTopic("food", 0.2)), "so it seems")
            yield self._reply("topics", item.key, answer, item.text)

    def verify_similar(self, pairs: Iterable[PairQuestion]) -> Iterator[Reply[SimilarAnswer]]:
        for pair in pairs:
            answer = SimilarAnswer(pair.cosine >= 0.9, 0.9, "by cosine")
            yield self._reply("similar", pair.key, answer)

    def judge(self, pairs: Iterable[JudgeQuestion]) -> Iterator[Reply[JudgeAnswer]]:
        for pair in pairs:
            grade = hashlib.sha256(pair.key.encode()).digest()[0] % 4
            yield self._reply("judge", pair.key, JudgeAnswer(grade, 0.7, "by chance"))

    def rank(self, windows: Iterable[RankQuestion]) -> Iterator[Reply[RankAnswer]]:
        """By the same chance as the grades, so that both agree."""
        for window in windows:
            keys = [hashlib.sha256(f"{window.user.key}|{item.key}".encode()).digest() for item in window.items]
            best_first = sorted(keys, key=lambda digest: (-(digest[0] % 4), digest))
            ranks = tuple(best_first.index(digest) + 1 for digest in keys)
            yield self._reply("rank", window.key, RankAnswer(ranks, 0.7, "by the same chance"))

    def rewrite(self, users: Iterable[RewriteQuestion]) -> Iterator[Reply[RewriteAnswer]]:
        for question in users:
            texts = (*question.user.interests, *(item.title for item in question.user.history))
            answer = RewriteAnswer((", ".join(texts) or "anything",), ("to be told",), ("gossip",), 0.6)
            yield self._reply("rewrite", question.key, answer, "\n".join(texts))

    def rerank(self, windows: Iterable[RankQuestion]) -> Iterator[Reply[RankAnswer]]:
        for window in windows:
            yield self._reply("rerank", window.key, self.order(window))

    def explain(self, questions: Iterable[ExplainQuestion]) -> Iterator[Reply[Explanation]]:
        for question in questions:
            said = check_explanation(self.say(question), question)
            yield self._reply("explain", question.key, said, question.item.title)

    def order(self, window: RankQuestion) -> RankAnswer:
        """The ranks of a window's items; a test puts its own here."""
        return RankAnswer(tuple(range(1, len(window.items) + 1)), 0.7, "as shown")

    def say(self, question: ExplainQuestion) -> Explanation:
        """Why an item is there; a test puts its own here."""
        return Explanation(f'See for yourself: "{question.item.title}".', content=question.facts.get("content"))

    def _reply(self, task: Task, key: str, answer: A, text: str = "") -> Reply[A]:
        if self.dies_after is not None and sum(map(len, self.asked.values())) >= self.dies_after:
            raise ConnectionError("the endpoint went away")
        self.asked[task].append(key)
        self.texts[key] = text
        if any(part in key for part in self.broken):
            return Reply(key, None, Failure("invalid_reply: no JSON", "Sure! Here", 3), COST)
        return Reply(key, answer, None, COST)
