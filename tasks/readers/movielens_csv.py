"""Reads the newer MovieLens sets (a zip or folder with movies.csv and ratings.csv): films, people and ratings.

A film's genres are its text and, joined by "|", its category. People are the distinct ids of ratings.csv: the sets say
nothing about them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tasks.contracts.catalog import Kind, SourceConfig
from tasks.contracts.errors import SourceError
from tasks.readers.delimited import Record, read_records
from tasks.readers.locate import Member, open_members
from tasks.readers.plan import Layout, Plan, check_columns
from tasks.readers.rows import RawRow, first_of_each

LAYOUTS: Mapping[Kind, Layout] = {
    "items": Layout(
        columns={"item_id": "movieId", "title": "title", "text": "genre_text", "category": "category"},
        attributes=("genres", "year"),
    ),
    "users": Layout(columns={"user_id": "userId"}),
    "interactions": Layout(
        columns={"user_id": "userId", "item_id": "movieId", "value": "rating", "occurred_at": "timestamp"},
        default_event="rating",
    ),
}
_FILES: Mapping[Kind, tuple[str, tuple[str, ...]]] = {
    "items": ("movies.csv", ("movieId", "title", "genres")),
    "users": ("ratings.csv", ("userId",)),
    "interactions": ("ratings.csv", ("userId", "movieId", "rating", "timestamp")),
}
_NO_GENRES = "(no genres listed)"
_YEAR = re.compile(r"\((\d{4})\)")


def read_rows(source: SourceConfig, plan: Plan) -> Iterator[RawRow]:
    """Rows of movies.csv or ratings.csv, by the plan's kind."""
    name, needed = _FILES[plan.kind]
    for member in open_members(source, called=name):
        rows = _read_member(member, needed)
        if plan.kind == "items":
            yield from (_with_genres(row) for row in rows)
        else:
            yield from first_of_each(rows, "userId") if plan.kind == "users" else rows


def _read_member(member: Member, needed: tuple[str, ...]) -> Iterator[RawRow]:
    records = read_records(member, encoding="utf-8", separator=",")
    first = next(records, None)
    if first is None:
        raise SourceError(f"{member.name} is empty; it needs a header")
    check_columns(needed, first.fields, file=member.name)
    for record in records:
        yield _to_row(record, first.fields, member.name)


def _to_row(record: Record, header: list[str], file: str) -> RawRow:
    problem = record.problem
    if not problem and len(record.fields) != len(header):
        problem = f"row has {len(record.fields)} fields, not the {len(header)} of the header"
    return RawRow(file, record.line, dict(zip(header, record.fields, strict=False)), record.raw, problem)


def _with_genres(row: RawRow) -> RawRow:
    if row.problem:
        return row
    values: dict[str, Any] = dict(row.values)
    genres = [genre for genre in values["genres"].split("|") if genre and genre != _NO_GENRES]
    year = _YEAR.findall(values["title"])
    values |= {
        "genres": genres,
        "genre_text": ", ".join(genres),
        "category": "|".join(genres),
        "year": int(year[-1]) if year else None,
    }
    return RawRow(row.file, row.line, values, row.raw)
