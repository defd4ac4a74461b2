"""Reads MIND (a zip or folder with news.tsv and behaviors.tsv): articles, people, and clicks and skips.

Neither file has a header or quotes. One line of behaviors.tsv is one impression and becomes many interactions: each
item of the history and each shown item with "-1" is a "click", each shown item with "-0" a "skip". All of them bear the
impression's time (taken as UTC, since MIND names no zone): when the history was clicked is not recorded, only that it
was before. The same history returns with each impression of a person; repeats are left to the warehouse. People are the
distinct ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tasks.contracts.catalog import Kind, SourceConfig
from tasks.readers.delimited import Record, read_records
from tasks.readers.locate import open_members
from tasks.readers.plan import Layout, Plan
from tasks.readers.rows import RawRow, first_of_each
from tasks.readers.timestamps import parse_timestamp

LAYOUTS: Mapping[Kind, Layout] = {
    "items": Layout(
        columns={"item_id": "news_id", "title": "title", "text": "abstract", "url": "url", "category": "category"},
        attributes=("subcategory", "entities"),
    ),
    "users": Layout(columns={"user_id": "user_id"}),
    "interactions": Layout(
        columns={"user_id": "user_id", "item_id": "news_id", "event": "event", "occurred_at": "time"}
    ),
}
_NEWS = ("news_id", "category", "subcategory", "title", "abstract", "url", "title_entities", "abstract_entities")
_BEHAVIORS = ("impression_id", "user_id", "time", "history", "impressions")
_EVENTS = {"1": "click", "0": "skip"}


def read_rows(source: SourceConfig, plan: Plan) -> Iterator[RawRow]:
    """Rows of news.tsv, or the interactions or people of behaviors.tsv, by the plan's kind."""
    name, columns = ("news.tsv", _NEWS) if plan.kind == "items" else ("behaviors.tsv", _BEHAVIORS)
    for member in open_members(source, called=name):
        records = read_records(member, encoding="utf-8", separator="\t", has_quotes=False)
        rows = (_to_row(record, columns, member.name) for record in records)
        if plan.kind == "items":
            yield from (_with_entities(row) for row in rows)
        elif plan.kind == "users":
            yield from first_of_each(rows, "user_id")
        else:
            for row in rows:
                yield from _expand(row)


def _to_row(record: Record, columns: tuple[str, ...], file: str) -> RawRow:
    problem = record.problem
    if not problem and len(record.fields) != len(columns):
        problem = f"row has {len(record.fields)} fields, not the {len(columns)} of MIND"
    return RawRow(file, record.line, dict(zip(columns, record.fields, strict=False)), record.raw, problem)


def _with_entities(row: RawRow) -> RawRow:
    """Adds the distinct names of the entities that MIND found in title and abstract."""
    if row.problem:
        return row
    names: dict[str, None] = {}
    for column in ("title_entities", "abstract_entities"):
        try:
            found = json.loads(row.values[column] or "[]")
            names.update(dict.fromkeys(str(entity["Label"]) for entity in found))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            return RawRow(row.file, row.line, raw=row.raw, problem=f"{column} is not a list of entities: {error}")
    return RawRow(row.file, row.line, {**row.values, "entities": list(names)}, row.raw)


def _expand(row: RawRow) -> Iterator[RawRow]:
    """The interactions of one impression; a line that can't be read is one bad row."""
    if row.problem:
        yield row
        return
    values = row.values
    try:
        time = parse_timestamp(values["time"])
    except ValueError as error:
        problem = f"time is not a timestamp: {values['time']!r} ({error})"
        yield RawRow(row.file, row.line, raw=row.raw, problem=problem)
        return
    for news_id in values["history"].split():
        shared: dict[str, Any] = {"user_id": values["user_id"], "time": time}
        yield RawRow(row.file, row.line, {**shared, "news_id": news_id, "event": "click"})
    for shown in values["impressions"].split():
        news_id, _, clicked = shown.rpartition("-")
        problem = "" if clicked in _EVENTS and news_id else f"impression is not ID-0 or ID-1: {shown!r}"
        parts = {**values, "time": time, "news_id": news_id, "event": _EVENTS.get(clicked, "")}
        yield RawRow(row.file, row.line, parts, shown, problem)
