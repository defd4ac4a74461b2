"""Finds the SQL files: one statement or script a file, known by its name. Reads sql/, writes nothing.

What is read by name can be watched: so a stage need not declare which tables it depends on (see warehouse/inputs.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from warehouse.errors import WarehouseError

SQL_FOLDER = Path(__file__).resolve().parent.parent / "sql"

_watchers: list[set[str]] = []


def read_statement(name: str) -> str:
    """The text of `sql/<name>.sql`, for example `queries/items_to_embed`."""
    note_read(name)
    return _read_file(name)


def note_read(name: str) -> None:
    """Tell those who watch that a statement, or something else of this name, was read."""
    for seen in _watchers:
        seen.add(name)


@contextmanager
def watch_reads() -> Iterator[set[str]]:
    """The names of what is read from here on, by any thread of this process; it grows until the block is left."""
    seen: set[str] = set()
    _watchers.append(seen)
    try:
        yield seen
    finally:
        # By identity: two sets that saw the same are equal.
        _watchers[:] = [one for one in _watchers if one is not seen]


def list_statements(folder: str) -> list[str]:
    """Names of all statements of a folder of sql/, in order."""
    return [f"{folder}/{path.stem}" for path in sorted((SQL_FOLDER / folder).glob("*.sql"))]


@cache
def _read_file(name: str) -> str:
    path = SQL_FOLDER / f"{name}.sql"
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise WarehouseError(f"no SQL file {name!r} under {SQL_FOLDER}; reinstall Nightjar") from error
