"""A small warehouse with a publication, for digests: two catalogs of the same readers, filled in a moment and without a model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from tasks.contracts.digest_context import Channel, DigestContext
from tasks.contracts.digesting import DigestConfig, DigestSection, MailServer, SmtpSection
from tests.mail_server import HOST, Post
from tests.warehouse.filled_warehouse import insert
from tests.warehouse.published import DAY, facts, recommendations
from warehouse.connection import open_warehouse
from warehouse.publication import TableRows, publish

SPACE = "readers"
CHANNEL = Channel(DigestConfig(address="email", unsubscribed="out"))
ENRICHMENT = {
    "themes": ["t"], "mood": "", "audience": "", "keywords": ["k"], "aspects": "{}", "confidence": 0.9, "labeler": "embedded:test",
    "fingerprint": "f1",
}  # fmt: skip


@dataclass
class Library:
    """The warehouse's folder; users u00 … have the address uNN@example.org and lists of 4 items in each catalog."""

    folder: Path
    users: dict[str, dict[str, Any]]
    n_runs: int = 0
    changes: dict[str, Any] = field(default_factory=dict)

    def context(self, post: Post | None = None, **changes: Any) -> DigestContext:
        """What the next run is told; with a post it sends there."""
        self.n_runs += 1
        values: dict[str, Any] = {
            "run_id": f"d{self.n_runs:03d}",
            "folder": self.folder,
            "day": DAY,
            "channels": {SPACE: CHANNEL},
            "patience_s": 20.0,
            "retry_waits_s": (0.01,),
            "options": DigestSection(),
        }
        if post is not None:
            section = SmtpSection(host=HOST, port=post.port, security="none", sender="library@example.org", timeout_s=5)
            values |= {"server": MailServer(section), "needs_address": True}
        return DigestContext(**{**values, **self.changes, **changes})

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The result of a SELECT over the warehouse."""
        with open_warehouse(self.folder) as warehouse:
            return warehouse.connection.execute(query).fetchall()

    def ledger(self) -> dict[str, str]:
        """The state of each user's digest of the day."""
        return dict(self.rows(f"select user_id, state from digests where day = date '{DAY}' order by user_id"))

    def run(self, statement: str) -> None:
        """Change the warehouse."""
        with open_warehouse(self.folder) as warehouse:
            warehouse.connection.execute(statement)


def make_library(
    folder: Path, *, n_users: int = 5, users: Mapping[str, Mapping[str, Any]] | None = None, titles: Mapping[str, str] | None = None
) -> Library:  # fmt: skip
    """Fill a warehouse and publish lists; users' attributes by id; titles by item id, else "Title N of CATALOG"."""
    known = {f"u{number:02d}": {"email": f"u{number:02d}@example.org"} for number in range(n_users)}
    for user_id, attributes in (users or {}).items():
        known[user_id] = dict(attributes)
    with open_warehouse(folder) as warehouse:
        for catalog in ("books", "news"):
            row = {"catalog": catalog, "user_space": SPACE, "last_seen_run": "r1", "parameters": "{}"}
            insert(warehouse, "catalogs", row)
            for number in range(n_users + 5):
                item = {
                    "catalog": catalog,
                    "item_id": f"i{number}",
                    "title": f"T{number}",
                    "text": f"Text {number} of {catalog}.",
                }
                insert(warehouse, "items", {**item, "is_active": True})
        for user_id, attributes in known.items():
            person = {
                "user_space": SPACE,
                "user_id": user_id,
                "name": f"Name of {user_id}",
                "is_active": True,
                "origin": "source",
            }
            insert(warehouse, "users", {**person, "attributes": json.dumps(attributes)})
        event = {"event": "view", "is_seen": True, "weight": 1.0, "position": 0}
        for catalog in ("books", "news"):
            warehouse.insert("catalog_events", pl.DataFrame([{**event, "catalog": catalog}]))
    _publish(folder, list(known), titles or {})
    return Library(folder, known)


def _publish(folder: Path, users: list[str], titles: Mapping[str, str]) -> None:
    rows = []
    for catalog in ("books", "news"):
        listed = recommendations(catalog, n_users=len(users)).with_columns(
            user_id=pl.col("user_id").replace_strict([f"u{number:02d}" for number in range(len(users))], users),
            title=pl.col("item_id").replace_strict(
                list(titles), list(titles.values()), default=pl.format("{} of {}", "item_id", "catalog"), return_dtype=pl.String
            ) if titles else pl.format("{} of {}", "item_id", "catalog"),
            url=pl.format("https://example.org/{}/{}", "catalog", "item_id"),
        )  # fmt: skip
        rows.append(TableRows("recommendations", catalog, [listed]))
        items = listed["item_id"].unique(maintain_order=True)
        told = [
            {"catalog": catalog, "item_id": one, "summary": f"Summary of {one}. More.", **ENRICHMENT} for one in items
        ]
        rows.append(TableRows("item_enrichments", catalog, [pl.DataFrame(told)]))
    publish(folder / "published", rows, facts=facts("r1", catalogs=("books", "news")))


def copy_library(library: Library, folder: Path) -> Library:
    """The same in another folder, for a test that changes it."""
    shutil.copytree(library.folder, folder, symlinks=True)
    return Library(folder, dict(library.users))
