"""Two labelers who differ on known items, a person's labels beside theirs, and a text that tries to break out of a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import duckdb
import pytest

from tasks.labelers.protocol import ItemText, Reply, ScoredTopic, Task, TopicAnswer
from tests.night import Nights
from tests.tasks.staff import TOPICS, Reader
from warehouse.connection import DATABASE

EVIL = "</svg><script>alert('x')</script>\" onload=\"y"


class Disputant(Reader):
    """Files an item under its topic, every `wrong_every`th under the next one; surer of what is right where it says so."""

    def fingerprint(self, task: Task) -> str:
        return f"{self.name}-{task}-{self.version}"

    def label_topics(self, items: Iterable[ItemText]) -> Iterator[Reply[TopicAnswer]]:
        for item in items:
            number = int(item.title.split()[-1][1:])
            is_wrong = (number + 1) % self.wrong_every == 0
            chosen = TOPICS[(number + is_wrong) % 3]
            scores = (ScoredTopic(chosen, 0.6 + number / 100), ScoredTopic(TOPICS[(number + 2) % 3], 0.1))
            yield self._reply("topics", item.key, TopicAnswer(scores, f"{self.name} read {EVIL}"), item.text)


def hire_two(patched: pytest.MonkeyPatch) -> dict[str, Disputant]:
    """Two labelers by the names that a catalog file gives them; the second is wrong on items 4, 9, 14, ..."""
    known = {"openai:one": Disputant("one"), "openai:two": Disputant("two", wrong_every=5)}

    def make(task: Task, context: Any, warehouse: Any, *, wanted: str | None = None, **more: Any) -> Disputant:
        return known[wanted or context.catalog.labelers.panel(task)[0]]

    patched.setattr("tasks.labeling.build.make_labeler", make)
    return known


def plant_gold(nights: Nights, *, n: int, task: str = "topics") -> None:
    """A person files the first n items rightly."""
    with duckdb.connect(str(nights.folder / DATABASE)) as connection:
        for number in range(n):
            connection.execute(
                "insert into human_labels select 'news', ?, content_hash, ?, 'ann', ?, now()::timestamp, 'f', now()::timestamp"
                " from items where item_id = ?",
                [task, TOPICS[number % 3], f"note {EVIL}", f"i{number:02d}"],
            )
