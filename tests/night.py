"""A small catalog on disk and the nights that are run over it: each stage's function as the flows call it, without Prefect."""

from __future__ import annotations

import csv
import importlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import duckdb
import polars as pl
import pytest
from pydantic import SecretStr

from flows.request import StageName
from tasks.contracts.catalog_file import load_catalog
from tasks.contracts.context import EndpointSettings, StepContext
from tasks.contracts.report import StepReport
from tasks.runs import finish_run, record_stage, start_run
from tests.fake_embedder import HashingEmbedder
from warehouse.clock import utc_now
from warehouse.connection import DATABASE, open_warehouse
from warehouse.outputs import latest_output
from warehouse.publication import resolve_latest

GATE = "ingest gate"
STAGES = ("ingest", GATE, *get_args(StageName)[1:])
DAY = date(2026, 11, 1)
WORDS = {
    "sport": "match goal team league striker coach final stadium referee penalty season injury transfer captain",
    "space": "rocket orbit moon planet telescope launch crew lander comet astronaut gravity probe module crater",
    "food": "bread recipe oven kitchen flavour butter soup chef dough harvest cheese spice market vinegar",
}
ADJECTIVES = [
    "quiet",
    "early",
    "bold",
    "narrow",
    "final",
    "sudden",
    "distant",
    "careful",
    "bright",
    "uneven",
    "modest",
    "rapid",
    "lasting",
    "hidden",
]
USER_COLUMNS = ("id", "interests", "summary", "onboarding", "segment")
KEYLESS = EndpointSettings(
    name="default", model="fake-model", price_in=1.0, price_out=2.0, max_in_flight=4, timeout_s=10.0
)


class SmallCatalog:
    """Thirty items of three topics, their readers, and what these read: edit it, `save`, and run another night.

    items and users by id; events are rows; lines are added to the items' file as they are; more is TOML put at the end.
    """

    def __init__(
        self, folder: Path, name: str = "news", *, n_items: int = 30, n_users: int = 20, seed: int = 1
    ) -> None:
        chance = random.Random(seed)
        self.folder = folder
        self.name = name
        self.file = folder / f"{name}.toml"
        self.lines: list[str] = []
        self.judge = "pairs_per_user = 8\nevaluation_pairs_per_user = 12"
        self.columns = 'item_id = "id", title = "title", text = "text", published_at = "published_at"'
        self.aspects: list[str] = []
        self.relevance = "grades = { like = 3, view = 1 }"
        self.ranking = ""
        self.head = ""
        self.more = ""
        self.has_users = True
        self.has_taxonomy = True
        self.events_weights = "view = 0.3\nlike = 1.0"
        topics = list(WORDS)
        self.items = {f"i{n:02d}": make_item(f"i{n:02d}", topics[n % 3], chance=chance) for n in range(n_items)}
        self.users = {f"u{n:02d}": _make_user(f"u{n:02d}", topics[n % 3]) for n in range(n_users)}
        self.events = [
            {
                "user": f"u{user:02d}",
                "item": f"i{item:02d}",
                "event": "like" if item % 3 == user % 3 else "view",
                "at": at,
            }
            for user in range(n_users)
            for item, at in _reading(user, n_items, chance)
        ]

    def save(self) -> Path:
        """Write the files of the catalog; its TOML file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        rows = [json.dumps(item) for item in self.items.values()]
        self._path("items.jsonl").write_text("\n".join([*rows, *self.lines]) + "\n", encoding="utf-8")
        _write_csv(self._path("users.csv"), list(self.users.values()), USER_COLUMNS)
        _write_csv(self._path("events.csv"), self.events, ["user", "item", "event", "at"])
        self.file.write_text(self._toml(), encoding="utf-8")
        return self.file

    def _path(self, name: str) -> Path:
        return self.folder / f"{self.name}-{name}"

    def _toml(self) -> str:
        users = f'[[users]]\nformat = "csv"\npath = "{self.name}-users.csv"\ncolumns = {{ user_id = "id", interests = "interests", summary = "summary", onboarding = "onboarding", segment = "segment" }}\n'
        topics = "".join(
            f'[[taxonomy]]\nname = "{name}"\ndescription = "{words.replace(" ", ", ")}."\n'
            for name, words in WORDS.items()
        )
        return f"""
name = "{self.name}"
user_space = "readers"
licence = "CC0-1.0"
aspects = {json.dumps(self.aspects)}
{self.head}
[[items]]
format = "jsonl"
path = "{self.name}-items.jsonl"
required = ["title", "text"]
columns = {{ {self.columns} }}
{users if self.has_users else ""}
[[interactions]]
format = "csv"
path = "{self.name}-events.csv"
columns = {{ user_id = "user", item_id = "item", event = "event", occurred_at = "at" }}
{topics if self.has_taxonomy else ""}
[events]
{self.events_weights}
[relevance]
{self.relevance}
[ranking]
max_rounds = 15
min_data_in_leaf = 3
early_stopping_rounds = 5
{self.ranking}
[judge]
{self.judge}
{self.more}
"""


def make_item(item_id: str, topic: str, *, chance: random.Random) -> dict[str, Any]:
    """An item of a topic: a title and two sentences of the topic's words."""
    words, extra = WORDS[topic].split(), ADJECTIVES
    drawn = chance.sample(words, 8)
    text = (
        f"The {chance.choice(extra)} {drawn[0]} and the {drawn[1]} met a {chance.choice(extra)} {drawn[2]}."
        f" Nobody in {item_id} expected that {drawn[3]}, {drawn[4]} or {chance.choice(extra)} {drawn[5]}."
    )
    return {
        "id": item_id,
        "title": f"{chance.choice(extra).title()} {drawn[6]} {drawn[7]} {item_id}",
        "text": text,
        "published_at": "2026-10-01T08:00:00Z",
    }


def _make_user(user_id: str, topic: str) -> dict[str, Any]:
    words = WORDS[topic].split()
    number = int(user_id[1:])
    return {
        "id": user_id,
        "interests": f"{topic};{words[number % 14]};{words[(number + 3) % 14]}",
        "summary": f"Reader {user_id} follows {topic}: {words[(number + 5) % 14]} and {words[(number + 7) % 14]}.",
    }


def _reading(user: int, n_items: int, chance: random.Random) -> list[tuple[int, str]]:
    own = [item for item in range(n_items) if item % 3 == user % 3]
    other = [item for item in range(n_items) if item % 3 != user % 3]
    read = [*chance.sample(own, min(4, len(own))), *chance.sample(other, min(2, len(other)))]
    start = datetime(2026, 10, 2, user % 24)
    return [(item, f"{start + timedelta(days=place):%Y-%m-%dT%H:%M:%SZ}") for place, item in enumerate(read)]


def _write_csv(path: Path, rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


@dataclass
class Nights:
    """Nights over one warehouse: each `run` is a run of its own, with the catalogs read from their files again."""

    folder: Path
    catalogs: Sequence[SmallCatalog]
    changes: dict[str, Any] = field(default_factory=dict)
    n_runs: int = 0

    @property
    def run_id(self) -> str:
        """The last run's."""
        return f"r{self.n_runs:03d}"

    def context(self, catalog: SmallCatalog | None = None, **changes: Any) -> StepContext:
        """What a step of the present run is told."""
        chosen = catalog or self.catalogs[0]
        values: dict[str, Any] = {
            "run_id": self.run_id,
            "catalog": load_catalog(chosen.file),
            "catalog_file": str(chosen.file),
            "folder": self.folder,
            "as_of": DAY,
            "endpoints": {"default": KEYLESS},
            "shard_users": 7,
            "threads": 1,
        }
        return StepContext(**{**values, **self.changes, **changes})

    def run(self, *stages: str, **changes: Any) -> dict[str, StepReport]:
        """Run the stages (all, if none is named) for every catalog; the last catalog's report by stage."""
        for catalog in self.catalogs:
            catalog.save()
        self.n_runs += 1
        names = [catalog.name for catalog in self.catalogs]
        start_run(self.folder, self.run_id, as_of=DAY, catalogs=names, code_version="test")
        reports = {}
        for stage in stages or STAGES:
            for catalog in self.catalogs[:1] if stage == "publish" else self.catalogs:
                context = self.context(catalog, **changes)
                report = reports[stage] = run_step(stage, context)
                status = "partial" if report.is_partial else "completed"
                record_stage(self.folder, self.run_id, report, status=status, started_at=utc_now())
        finish_run(self.folder, self.run_id, status="completed", message="", peak_rss_mb=1.0)
        return reports

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The result of a SELECT over the warehouse."""
        with duckdb.connect(str(self.folder / DATABASE), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def value(self, query: str) -> Any:
        """The first column of the first row of a SELECT."""
        return self.rows(query)[0][0]

    def column(self, query: str) -> list[Any]:
        """The first column of a SELECT."""
        return [row[0] for row in self.rows(query)]

    def output(self, stage: str, *, catalog: str = "news") -> pl.DataFrame:
        """The shards that a stage wrote last."""
        with open_warehouse(self.folder) as warehouse:
            return pl.concat(
                pl.read_parquet(path) for path in latest_output(warehouse, catalog=catalog, stage=stage, needs=stage)
            )

    def table(self, name: str, *, without: Sequence[str] = ()) -> list[tuple[Any, ...]]:
        """The rows of a table or view in a fixed order, without some columns."""
        hidden = ", ".join(f"'{column}'" for column in ("", *without))
        return self.rows(f"select columns(lambda name: name not in ({hidden})) from {name} order by all")

    def published(self, table: str) -> pl.DataFrame:
        """A table of the latest publication."""
        return pl.concat([pl.read_parquet(path) for path in resolve_latest(self.folder / "published").files(table)])


def run_step(stage: str, context: StepContext) -> StepReport:
    """A step as its flow runs it, without Prefect."""
    module, name = ("quality", "check_ingest") if stage == GATE else (stage, stage)
    step: Callable[[StepContext], StepReport] = getattr(importlib.import_module(f"tasks.{module}"), name).fn
    return step(context)


def plug_embedder(patched: pytest.MonkeyPatch, embedder: HashingEmbedder) -> None:
    """Make every step embed with `embedder`, so that no model is loaded."""
    for module in ("tasks.embed", "tasks.enrich", "tasks.labeling.build", "tasks.rewrite"):
        patched.setattr(f"{module}.embedder_for", lambda model: embedder)


def with_key(url: str, **values: Any) -> dict[str, EndpointSettings]:
    """The default endpoint with a key, at the URL of a loopback server."""
    return {"default": replace(KEYLESS, base_url=url, api_key=SecretStr("sk-test"), **values)}
