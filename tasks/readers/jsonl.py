"""Reads JSON Lines (also .gz, zips and folders of it), one object a line.

A mapped key that one object lacks is an empty value there; one that all of the first 1,000 lack (or all in the first
16 million characters) is a wrong mapping.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from tasks.contracts.catalog import SourceConfig
from tasks.contracts.errors import SourceError
from tasks.readers.lines import Line, read_lines
from tasks.readers.locate import Member, open_members
from tasks.readers.plan import Plan, check_columns
from tasks.readers.rows import RawRow

SUFFIXES = (".jsonl", ".ndjson", ".json")
LOOKED_AT = 1000
LOOKED_AT_CHARS = 16_000_000


def read_rows(source: SourceConfig, plan: Plan) -> Iterator[RawRow]:
    """Rows of every file of the source; raises SourceError for a wrong mapping or a file that is one JSON array."""
    yield from read_objects(source, plan.asked)


def read_objects(source: SourceConfig, asked: Iterable[str]) -> Iterator[RawRow]:
    """One row a line that is not blank, of every file; a line that is no JSON object has a problem."""
    members = open_members(source, suffixes=SUFFIXES)
    rows = chain.from_iterable(_read_member(member, encoding=source.encoding) for member in members)
    yield from _check_keys(rows, asked, file=Path(source.path).name)


def _read_member(member: Member, *, encoding: str) -> Iterator[RawRow]:
    is_first = True
    for line in read_lines(member.open(), encoding):
        if not line.text.strip():
            continue
        if is_first and line.text.lstrip().startswith("["):
            raise SourceError(f"{member.name} is one JSON array; write one object a line (jq -c '.[]' does)")
        is_first = False
        yield _to_row(line, member.name)


def _check_keys(rows: Iterable[RawRow], asked: Iterable[str], *, file: str) -> Iterator[RawRow]:
    """The rows, after a look at the first 1,000: raises SourceError when none of them has one of the keys asked for."""
    rows = iter(rows)
    looked_at: list[RawRow] = []
    missing = set(asked)
    found: dict[str, None] = {}
    n_chars = 0
    while (
        missing and len(looked_at) < LOOKED_AT and n_chars < LOOKED_AT_CHARS and (row := next(rows, None)) is not None
    ):
        looked_at.append(row)
        n_chars += len(row.raw)
        missing.difference_update(row.values)
        if len(found) < LOOKED_AT:
            found.update(dict.fromkeys(row.values))
    if missing and found:
        check_columns(sorted(missing), found, file=file, hint=f" in its first {len(looked_at)} rows")
    return chain(looked_at, rows)


def _to_row(line: Line, file: str) -> RawRow:
    text = line.text.rstrip("\r\n")
    if line.problem:
        return RawRow(file, line.number, raw=text, problem=line.problem)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return RawRow(file, line.number, raw=text, problem=f"not JSON: {error}")
    if not isinstance(value, dict):
        return RawRow(file, line.number, raw=text, problem=f"not a JSON object but a {type(value).__name__}")
    return RawRow(file, line.number, value, text)
