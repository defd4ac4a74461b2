"""Labelers of topics that can be told apart: who reads well, who errs, and by which name a catalog file asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tasks.labelers.protocol import ItemText, Reply, ScoredTopic, Task, TopicAnswer
from tests.night import WORDS
from tests.scripted_labeler import ScriptedLabeler

TOPICS = list(WORDS)


class Reader(ScriptedLabeler):
    """Files an item under the topic whose words it holds, but for every `wrong_every`th item."""

    def __init__(self, name: str, *, wrong_every: int = 10**9) -> None:
        super().__init__()
        self.name = name
        self.wrong_every = wrong_every

    def fingerprint(self, task: Task) -> str:
        return f"{self.name}-{task}"

    def label_topics(self, items: Iterable[ItemText]) -> Iterator[Reply[TopicAnswer]]:
        for item in items:
            counts = [sum(word in item.text for word in words.split()) for words in WORDS.values()]
            best = counts.index(max(counts))
            if (int(item.title.split()[-1][1:]) + 1) % self.wrong_every == 0:
                best = (best + 1) % len(TOPICS)
            yield self._reply("topics", item.key, TopicAnswer((ScoredTopic(TOPICS[best], 0.8),), "read"), item.text)


def hire(patched: pytest.MonkeyPatch) -> dict[str, Reader]:
    """Three labelers by the names that a catalog file gives them, and a free one; all but one make mistakes."""
    known = {
        "openai:cheap": Reader("cheap", wrong_every=4),
        "openai:other": Reader("other", wrong_every=5),
        "openai:strong": Reader("strong"),
        "embedded": Reader("embedded:test", wrong_every=4),
    }

    def make(task: Task, context: Any, warehouse: Any, *, wanted: str | None = None, **more: Any) -> Reader:
        return known[wanted or context.catalog.labelers.panel(task)[0]]

    patched.setattr("tasks.labeling.build.make_labeler", make)
    return known
