"""The canonical columns of items, users and interactions: kinds, Polars types, and which must not be empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import polars as pl

from tasks.contracts.catalog import Kind

# id: only outer spaces are removed. line: one line. markup-line, prose: markup is removed; prose keeps paragraphs.
FieldKind = Literal["id", "line", "markup-line", "prose", "integer", "number", "timestamp", "list"]

FIELDS: Mapping[Kind, Mapping[str, FieldKind]] = {
    "items": {
        "item_id": "id",
        "title": "markup-line",
        "text": "prose",
        "url": "line",
        "author": "line",
        "category": "line",
        "language": "line",
        "published_at": "timestamp",
        "price": "number",
    },
    "users": {
        "user_id": "id",
        "name": "line",
        "age": "integer",
        "job": "line",
        "skills": "list",
        "hobbies": "list",
        "interests": "list",
        "summary": "prose",
        "onboarding": "list",
        "segment": "line",
    },
    "interactions": {"user_id": "id", "item_id": "id", "event": "line", "value": "number", "occurred_at": "timestamp"},
}

# Rows without one of these are bad, whatever the catalog says.
REQUIRED: Mapping[Kind, tuple[str, ...]] = {
    "items": ("item_id", "title"),
    "users": ("user_id",),
    "interactions": ("user_id", "item_id", "event"),
}

_TYPES: Mapping[FieldKind, pl.DataType] = {
    "id": pl.String(),
    "line": pl.String(),
    "markup-line": pl.String(),
    "prose": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "timestamp": pl.Datetime("us", "UTC"),
    "list": pl.List(pl.String()),
}


def _schema_of(kind: Kind) -> dict[str, pl.DataType]:
    columns = {name: _TYPES[field] for name, field in FIELDS[kind].items()}
    return columns if kind == "interactions" else {**columns, "attributes": pl.String()}


ITEM_SCHEMA: dict[str, pl.DataType] = _schema_of("items")
USER_SCHEMA: dict[str, pl.DataType] = _schema_of("users")
INTERACTION_SCHEMA: dict[str, pl.DataType] = _schema_of("interactions")
SCHEMAS: Mapping[Kind, dict[str, pl.DataType]] = {
    "items": ITEM_SCHEMA,
    "users": USER_SCHEMA,
    "interactions": INTERACTION_SCHEMA,
}
PROVENANCE: Mapping[str, pl.DataType] = {"file": pl.String(), "line": pl.Int64()}
