"""What travels through a reader: raw rows as a format yields them, records and bad rows as ingest gets them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

RAW_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row of a source, before it is mapped and typed.

    line is 1-based. raw is the row's text; where a format has none, the values as JSON stand in for it.
    problem says why the row can't be used at all; it is empty for a row that was read well.
    """

    file: str
    line: int
    values: Mapping[str, Any] = field(default_factory=dict)
    raw: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that goes to quarantine: where it stands, what is wrong with it, and its text (10,000 characters at most).

    reason opens with the kind of fault and names value and column after a colon: count rows by what stands before it.
    """

    file: str
    line: int
    reason: str
    raw: str


@dataclass(frozen=True)
class Batch:
    """Some rows of a source: the good ones in the canonical schema plus `file` and `line`, and the bad ones."""

    records: pl.DataFrame
    bad: list[BadRow]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a value that the source holds and Python can't: its row is bad, for this reason."""

    why: str


class UnfitRowError(Exception):
    """Internal to the readers: a row that must go to quarantine, with the reason."""


def to_bad_row(row: RawRow, reason: str) -> BadRow:
    """The bad row for a raw row, safe to store: no lone surrogates, no NUL, not too long."""
    raw = row.raw or _values_as_text(row.values)
    return BadRow(file=show(row.file), line=row.line, reason=show(reason), raw=cap_raw(show(raw)))


def _values_as_text(values: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(values), ensure_ascii=False, default=str)
    except (RecursionError, ValueError, TypeError):
        return f"values of {', '.join(map(str, values))} that can't be shown"


def cap_raw(text: str) -> str:
    """Cut text to RAW_LIMIT characters, the last of which say how long it was."""
    if len(text) <= RAW_LIMIT:
        return text
    marker = f" … [cut; {len(text)} characters in all]"
    return text[: RAW_LIMIT - len(marker)] + marker


def show(text: str) -> str:
    r"""Text that UTF-8 can hold: an undecodable byte 0xa3 shows as \udca3, a NUL as \x00."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\x00", "\\x00")


def first_of_each(rows: Iterable[RawRow], column: str) -> Iterator[RawRow]:
    """The first row for each value of a column, and every row with a problem; remembers the values seen and no more."""
    seen: set[object] = set()
    for row in rows:
        if row.problem:
            yield row
            continue
        value = row.values.get(column)
        key = value if isinstance(value, str | int) else repr(value)
        if key not in seen:
            seen.add(key)
            yield row
