"""Reads MovieLens 100k (a zip or folder with u.item, u.user and u.data): films, people and ratings.

A film's genres are its text and, joined by "|", its category: the files say nothing else about it. Film 267 is a
placeholder called "unknown", without date or address; it goes to quarantine, as nobody should be recommended it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tasks.contracts.catalog import Kind, SourceConfig
from tasks.readers.delimited import Record, read_records
from tasks.readers.locate import open_members
from tasks.readers.plan import Layout, Plan
from tasks.readers.rows import RawRow

GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
LAYOUTS: Mapping[Kind, Layout] = {
    "items": Layout(
        columns={
            "item_id": "movie_id", "title": "title", "text": "genre_text", "url": "imdb_url",
            "category": "category", "published_at": "release_date",
        },
        attributes=("genres", "year"),
        more=("video_release_date",),
    ),
    "users": Layout(
        columns={"user_id": "user_id", "age": "age", "job": "occupation"}, attributes=("gender", "zip_code")
    ),
    "interactions": Layout(
        columns={"user_id": "user_id", "item_id": "movie_id", "value": "rating", "occurred_at": "timestamp"},
        default_event="rating",
    ),
}  # fmt: skip
_FILES: Mapping[Kind, tuple[str, str, int]] = {
    "items": ("u.item", "|", 5 + len(GENRES)),
    "users": ("u.user", "|", 5),
    "interactions": ("u.data", "\t", 4),
}
_USER = ("user_id", "age", "gender", "occupation", "zip_code")
_RATING = ("user_id", "movie_id", "rating", "timestamp")
_YEAR = re.compile(r"\((\d{4})\)")


def read_rows(source: SourceConfig, plan: Plan) -> Iterator[RawRow]:
    """Rows of u.item, u.user or u.data, by the plan's kind; the files are latin-1 whatever the catalog says."""
    name, separator, count = _FILES[plan.kind]
    for member in open_members(source, called=name):
        for record in read_records(member, encoding="latin-1", separator=separator, has_quotes=False):
            if record.problem or len(record.fields) != count:
                problem = record.problem or f"row has {len(record.fields)} fields, not the {count} of {name}"
                yield RawRow(member.name, record.line, raw=record.raw, problem=problem)
            else:
                yield _to_row(record, member.name, plan.kind)


def _to_row(record: Record, file: str, kind: Kind) -> RawRow:
    if kind == "items":
        return _to_film(record, file)
    names = _USER if kind == "users" else _RATING
    return RawRow(file, record.line, dict(zip(names, record.fields, strict=True)), record.raw)


def _to_film(record: Record, file: str) -> RawRow:
    movie_id, title, released, video_released, url, *flags = record.fields
    if title == "unknown" and not released and not url:
        problem = "title is the placeholder 'unknown': the film has no name, date or address"
        return RawRow(file, record.line, raw=record.raw, problem=problem)
    genres = [genre for genre, flag in zip(GENRES, flags, strict=True) if flag == "1" and genre != "unknown"]
    year = _YEAR.findall(title)
    values: dict[str, Any] = {
        "movie_id": movie_id,
        "title": title,
        "genre_text": ", ".join(genres),
        "category": "|".join(genres),
        "imdb_url": url,
        "release_date": released,
        "video_release_date": video_released,
        "genres": genres,
        "year": int(year[-1]) if year else None,
    }
    return RawRow(file, record.line, values, record.raw)
