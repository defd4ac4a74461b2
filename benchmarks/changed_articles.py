"""The BBC catalog as files that change between the nights of benchmarks/changed_nights.py, and larger ones made of its articles."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from tasks.contracts.catalog_file import load_catalog
from tasks.readers import read_batches
from tasks.simulation.profiles import simulate_profiles

BBC = Path(__file__).parent.parent / "examples/catalogs/bbc.toml"
DAY = date(2026, 11, 1)
PER_USER, MORE = 20, 5
PARTS, SENTENCES, REACH = 4, 3, 100


class Articles:
    """The files of the catalog, to be changed between nights.

    limit: so many articles, evenly taken; mixed: so many more, each of passages of four articles of one topic; None: as they are.
    """

    def __init__(self, data: Path, folder: Path, *, n_users: int, limit: int | None, mixed: int | None) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.source = load_catalog(BBC, {"data": str(data.resolve())})
        frames = [batch.records for batch in read_batches(self.source.items[0], "items")]
        rows = [row for frame in frames for row in frame.select("item_id", "title", "text").to_dicts()]
        self.items = rows[:: max(1, len(rows) // limit)] if limit else rows
        if mixed:
            self.items = mix(self.items, mixed)
        self.n_users = n_users
        topics = [(topic.name, topic.description) for topic in self.source.taxonomy]
        self.users = simulate_profiles(n_users, topics=topics, seed=1).to_dicts()
        self.events = [event for number in range(n_users) for event in self._reads(number, PER_USER, DAY)]

    def _reads(self, number: int, n: int, before: date) -> list[tuple[str, str, str, str]]:
        rng = np.random.default_rng((3, number, n))
        chosen = rng.choice(len(self.items), size=n, replace=False)
        user = str(self.users[number]["user_id"])
        return [
            (
                user,
                str(self.items[at]["item_id"]),
                "read",
                f"{before - timedelta(days=1 + int(rng.integers(60)))}T10:00:00",
            )
            for at in chosen
        ]

    def change(self) -> None:
        """1 % of the items: half of them new, half with another text; 1 % of the users: five more interactions."""
        n = max(2, len(self.items) // 100)
        for row in self.items[:: len(self.items) // (n // 2)][: n // 2]:
            row["text"] = f"{row['text']} It was reported again a day later."
        new = [
            {**row, "item_id": f"new-{row['item_id']}", "text": f"{row['text'][300:]}"}
            for row in self.items[7 : 7 + n // 2]
        ]
        self.items += new
        for number in range(max(1, self.n_users // 100)):
            self.events += self._reads(number, MORE, DAY)

    def save(self) -> Path:
        """Write all; the catalog file."""
        (self.folder / "items.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in self.items), encoding="utf-8"
        )
        (self.folder / "users.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in self.users), encoding="utf-8"
        )
        with (self.folder / "events.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("user", "item", "event", "at"), *self.events])
        topics = "".join(
            f"[[taxonomy]]\nname = {json.dumps(one.name)}\ndescription = {json.dumps(one.description)}\n"
            for one in self.source.taxonomy
        )
        columns = ", ".join(f'{name} = "{name}"' for name in self.users[0])
        file_ = self.folder / "bbc.toml"
        file_.write_text(
            'name = "bbc"\n[[items]]\nformat = "jsonl"\npath = "items.jsonl"\n'
            'columns = { item_id = "item_id", title = "title", text = "text" }\n'
            '[[users]]\nformat = "jsonl"\npath = "users.jsonl"\n'
            f"columns = {{ {columns} }}\n"
            '[[interactions]]\nformat = "csv"\npath = "events.csv"\n'
            'columns = { user_id = "user", item_id = "item", event = "event", occurred_at = "at" }\n'
            f'[events]\nread = 1.0\n[relevance]\ntruth = ["judge", "interactions"]\ngrades = {{ read = 2 }}\n{topics}',
            encoding="utf-8",
        )
        return file_


def mix(rows: Sequence[dict[str, Any]], n: int) -> list[dict[str, Any]]:
    """n articles, each of SENTENCES consecutive sentences of PARTS articles that lie within REACH of each other, so of one topic.

    rows: item_id, title and text, by topic. The title is that of the first part, with a number that tells it apart.
    """
    rng = np.random.default_rng(5)
    sentences = [re.split(r"(?<=[.!?])\s+", str(row["text"])) for row in rows]
    made = []
    for number in range(n):
        middle = int(rng.integers(len(rows)))
        near = np.clip(middle + rng.integers(-REACH, REACH + 1, size=PARTS), 0, len(rows) - 1)
        parts = []
        for at in near:
            start = int(rng.integers(max(1, len(sentences[at]) - SENTENCES + 1)))
            parts += sentences[at][start : start + SENTENCES]
        title = f"{rows[near[0]]['title']} ({number})"
        made.append({**rows[near[0]], "item_id": f"m{number}", "title": title, "text": " ".join(parts)})
    return made
