"""Keeps paid replies in the warehouse: table llm_replies. Each reply is committed before it is used."""

from __future__ import annotations

import json

import polars as pl

from warehouse.clock import utc_now
from warehouse.connection import Warehouse


def read_reply(warehouse: Warehouse, key: str) -> str | None:
    """The stored reply as JSON text, None if there is none."""
    found = warehouse.value("queries/stored_reply", key=key)
    return None if found is None else str(found)


def store_reply(warehouse: Warehouse, key: str, *, task: str, model: str, reply: dict[str, object]) -> None:
    """Store a reply under its key and commit."""
    row = {
        "key": key,
        "task": task,
        "model": model,
        "reply": json.dumps(reply, ensure_ascii=False),
        "stored_at": utc_now(),
    }
    warehouse.insert("llm_replies", pl.DataFrame([row]), on_conflict="replace")
