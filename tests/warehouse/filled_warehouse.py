"""A small warehouse without a fault: one catalog with items, users, labels of every task, and counts of run r1."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from warehouse.connection import Warehouse

NOW = datetime(2026, 11, 1, 3)
UNUSUAL = {"is_backfill": False}
EMPTY = {
    "VARCHAR": "",
    "DATE": NOW.date(),
    "BIGINT": 0,
    "INTEGER": 0,
    "DOUBLE": 0.5,
    "BOOLEAN": True,
    "TIMESTAMP": NOW,
    "JSON": "{}",
}


def fill(warehouse: Warehouse) -> None:
    """Items i1 to i4 (i4 is gone), users u1 and u2; i1 and i2 are near-duplicates, i3 is an abstention."""
    _fill_catalog(warehouse)
    _fill_labels(warehouse)


def insert(warehouse: Warehouse, table: str, *rows: Mapping[str, Any]) -> None:
    """Insert rows of which only the telling columns are given."""
    described = warehouse.connection.execute(f"describe {table}").fetchall()
    for row in rows:
        filled = {
            name: row.get(name, [] if kind.endswith("[]") else UNUSUAL.get(name, EMPTY.get(kind)))
            for name, kind, *_ in described
        }  # fmt: skip
        marks = ", ".join("?" for _ in filled)
        warehouse.connection.execute(f"insert into {table} values ({marks})", list(filled.values()))


def _fill_catalog(warehouse: Warehouse) -> None:
    insert(warehouse, "catalogs", {"catalog": "news", "user_space": "readers", "last_seen_run": "r1"})
    for number, title in enumerate(("One", "Two", "Three", "Four"), start=1):
        item = {"catalog": "news", "item_id": f"i{number}", "title": title, "content_hash": f"h{number}"}
        insert(warehouse, "items", {**item, "is_active": number < 4})
    for user in ("u1", "u2"):
        row = {"user_space": "readers", "user_id": user, "profile_hash": f"p-{user}", "origin": "source"}
        insert(warehouse, "users", row)
    insert(
        warehouse, "interactions",
        {"catalog": "news", "user_id": "u1", "item_id": "i1", "event": "click"},
        {"catalog": "news", "user_id": "u2", "item_id": "i4", "event": "click"},
    )  # fmt: skip
    counts = {"run_id": "r1", "catalog": "news"}
    insert(warehouse, "ingest_counts", {**counts, "kind": "items", "n_in": 5, "n_stored": 4, "n_quarantined": 1})
    insert(warehouse, "ingest_counts", {**counts, "kind": "users", "n_in": 2, "n_stored": 2})


def _fill_labels(warehouse: Warehouse) -> None:
    for task in ("enrich", "topics", "similar", "judge", "judge_design", "similar_pairs"):
        insert(warehouse, "active_fingerprints", {"catalog": "news", "task": task, "fingerprint": f"f-{task}"})
    for number, topic in ((1, "sport"), (2, "politics"), (3, None)):
        content = {"content_hash": f"h{number}", "labeler": "embedded:test"}
        topics = [] if topic is None else [{"topic": topic, "confidence": 0.9}]
        row = {**content, "fingerprint": "f-topics", "primary_topic": topic, "topics": topics}
        insert(warehouse, "topic_labels", row)
        insert(warehouse, "enrichments", {**content, "fingerprint": "f-enrich"})
    pair = {"hash_a": "h1", "hash_b": "h2", "cosine": 0.9}
    insert(warehouse, "similar_pairs", {**pair, "catalog": "news", "fingerprint": "f-similar_pairs"})
    insert(warehouse, "similarity_labels", {**pair, "fingerprint": "f-similar", "is_similar": False})
    insert(
        warehouse, "item_groups",
        {"catalog": "news", "item_id": "i1", "group_id": "i1", "n_items": 2},
        {"catalog": "news", "item_id": "i2", "group_id": "i1", "n_items": 2},
    )  # fmt: skip
    judged = {"profile_hash": "p-u1", "content_hash": "h2"}
    sample = {**judged, "catalog": "news", "user_id": "u1", "item_id": "i2", "design": "f-judge_design"}
    insert(warehouse, "judge_samples", {**sample, "stratum": "near", "sampling_probability": 0.5})
    insert(warehouse, "judge_labels", {**judged, "fingerprint": "f-judge", "relevance": 2})
