"""An LLM on loopback that remembers every question: what was answered, when, and what was asked again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tasks.llm.fake.faults import Faults
from tasks.llm.fake.provider import CHAT_PATH, FakeProvider
from tasks.llm.fake.replies import FakeResponse

GRACE_S = 0.1
"""From the server's answer to the safe place: the way back, reading, checking, one commit, on two busy cores."""


@dataclass
class Answered:
    """One question by the digest of all its messages: when it was asked and when its answers were ready."""

    asked_at: list[float] = field(default_factory=list)
    ready_at: list[float] = field(default_factory=list)


class CountingProvider(FakeProvider):
    """The fake provider, with every question on record; one question a request makes a request a question."""

    def __init__(self, *, latency_s: float) -> None:
        super().__init__(7, Faults(latency_seconds=latency_s))
        self.questions: dict[str, Answered] = {}

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> FakeResponse:
        """Answer, and remember."""
        response = super().answer(method, path, headers, body, now)
        if path == CHAT_PATH and response.status == 200:
            asked = json.loads(body)
            key = hashlib.sha256(json.dumps([asked["model"], asked["messages"]]).encode()).hexdigest()
            seen = self.questions.setdefault(key, Answered())
            seen.asked_at.append(now)
            seen.ready_at.append(now + response.delay_seconds)
        return response

    def asked_again(self) -> int:
        """Answers that somebody paid for although the same question had been answered before."""
        return sum(len(one.asked_at) - 1 for one in self.questions.values())

    def paid_twice(self, kills: Sequence[float]) -> int:
        """Of these, the ones whose answer was not on its way when a process was killed: there should be none."""
        n_twice = 0
        for one in self.questions.values():
            for ready, again in zip(one.ready_at, one.asked_at[1:], strict=False):
                was_lost = any(kill - GRACE_S <= ready and kill <= again for kill in kills)
                n_twice += not was_lost
        return n_twice
