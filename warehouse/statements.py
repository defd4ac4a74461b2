"""Finds the SQL files: one statement or script a file, known by its name. Reads sql/, writes nothing."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from warehouse.errors import WarehouseError

SQL_FOLDER = Path(__file__).resolve().parent.parent / "sql"


@cache
def read_statement(name: str) -> str:
    """The text of `sql/<name>.sql`, for example `queries/items_to_embed`."""
    path = SQL_FOLDER / f"{name}.sql"
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise WarehouseError(f"no SQL file {name!r} under {SQL_FOLDER}; reinstall Nightjar") from error


def list_statements(folder: str) -> list[str]:
    """Names of all statements of a folder of sql/, in order."""
    return [f"{folder}/{path.stem}" for path in sorted((SQL_FOLDER / folder).glob("*.sql"))]
