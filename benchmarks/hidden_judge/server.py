"""The hidden rules as a provider of chat completions: it finds reader and articles in the prompt, and grades by the rules.

It knows readers by the summary and articles by what a prompt shows of them; of what it answers, only the grade means anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.hidden_judge.readers import Reader
from benchmarks.hidden_judge.rules import Shelf, grade_of, noise_of, worth_of
from tasks.llm.fake.provider import CHAT_PATH, FakeProvider
from tasks.llm.fake.replies import FakeResponse, Refusal, respond, write_completion
from tasks.llm.hostile import Data
from tasks.llm.types import TokenUsage

FENCED = re.compile(r"<<<(\w+)\n(.*?)\n\1>>>", re.DOTALL)
SUMMARY = re.compile(r"^Summary: (.*)$", re.MULTILINE)
TOPICS = re.compile(r"^Topics: .*\n", re.MULTILINE)


class HiddenJudge(FakeProvider):
    """Answers the judge's prompt by the rules of each reader; counts what it has graded."""

    def __init__(self, readers: Sequence[Reader], shelf: Shelf, *, seed: int) -> None:
        super().__init__(seed)
        self._readers = {reader.summary: reader for reader in readers}
        self._worth = {reader.user_id: worth_of(shelf, reader.taste) for reader in readers}
        self._places = {shown(one.title, one.text): place for place, one in enumerate(shelf.articles)}
        self._shelf = shelf
        self._noise_seed = seed
        self.n_graded = 0

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> FakeResponse:
        """A completion for the judge's prompt; everything else as the fake provider answers it."""
        if (method, path) != ("POST", CHAT_PATH):
            return super().answer(method, path, headers, body, now)
        try:
            return self._complete(json.loads(body), now=now)
        except Refusal as refusal:
            return respond(refusal.body, status=refusal.status)

    def grade(self, user_id: str, place: int) -> int:
        """The judge's grade of a pair: the rules with noise."""
        item = self._shelf.articles[place].item_id
        noisy = self._worth[user_id][place] + noise_of(user_id, item, seed=self._noise_seed)
        return int(grade_of(noisy))

    def _complete(self, request: Mapping[str, Any], *, now: float) -> FakeResponse:
        texts = [text for _, text in FENCED.findall(str(request["messages"][-1]["content"]))]
        said = SUMMARY.search(texts[0]) if texts else None
        if said is None or said[1] not in self._readers:
            raise Refusal(400, "this judge knows only its own readers, by their summaries")
        reader = self._readers[said[1]]
        answers = [self._answer(number, reader, text) for number, text in enumerate(texts[1:], start=1)]
        self.n_graded += len(answers)
        text = json.dumps({"answers": answers})
        used = TokenUsage(tokens_in=len(str(request["messages"])) // 4, tokens_out=len(text) // 4, tokens_cached=0)
        body = write_completion(
            text,
            n=self.n_graded,
            model=str(request["model"]),
            now=now,
            usage=used,
            finish_reason="stop",
            refusal=None,
            logprobs=None,
        )
        return respond(body)

    def _answer(self, number: int, reader: Reader, text: str) -> dict[str, Any]:
        place = self._places.get(TOPICS.sub("", text))
        if place is None:
            raise Refusal(400, f"this judge does not know item {number}")
        return {
            "number": number,
            "reason": "by the hidden rules",
            "relevance": self.grade(reader.user_id, place),
            "confidence": 0.8,
        }


def shown(title: str, text: str) -> str:
    """An article as a prompt shows it, without its topics."""
    return Data.of(title=title, text=text).unfenced_text
