"""Numbered migrations, each applied once in a transaction together with its record.

Reads sql/migrations/NNNN_name.sql, writes the schema and the table `schema_migrations`. A migration that was edited
after it had been applied is refused: the warehouse would no longer be what its files say.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb

from warehouse.errors import MigrationError
from warehouse.statements import SQL_FOLDER

RECORD = """
create table if not exists schema_migrations (
    name text primary key, sha256 text not null, applied_at timestamp not null default (now() at time zone 'utc')
)
"""


def migrate(connection: duckdb.DuckDBPyConnection, *, folder: Path = SQL_FOLDER / "migrations") -> list[str]:
    """Apply what is missing; the names applied now. Raises MigrationError on an edited or vanished migration."""
    connection.execute(RECORD)
    applied = dict(connection.execute("select name, sha256 from schema_migrations").fetchall())
    found = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))}
    _refuse_changes(applied, found)
    fresh = [name for name in found if name not in applied]
    for name in fresh:
        _apply(connection, name, found[name])
    return fresh


def known_migrations(*, folder: Path = SQL_FOLDER / "migrations") -> dict[str, str]:
    """The sha256 of each migration that this version has, by name."""
    return {path.stem: _digest(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.sql"))}


def _refuse_changes(applied: dict[str, str], found: dict[str, str]) -> None:
    for name, digest in applied.items():
        if name not in found:
            raise MigrationError(
                f"migration {name!r} was applied to this warehouse but its file is gone; "
                "restore the file, or use the Nightjar version that made the warehouse"
            )
        if _digest(found[name]) != digest:
            raise MigrationError(
                f"migration {name!r} was edited after it had been applied; restore it and put the change into a new migration"
            )
    last = max(applied, default="")
    late = [name for name in found if name not in applied and name < last]
    if late:
        raise MigrationError(
            f"migration {late[0]!r} is numbered before {last!r}, which is applied; give it a later number"
        )


def _apply(connection: duckdb.DuckDBPyConnection, name: str, script: str) -> None:
    connection.execute("begin")
    try:
        connection.execute(script)
        connection.execute("insert into schema_migrations (name, sha256) values ($1, $2)", [name, _digest(script)])
        connection.execute("commit")
    except duckdb.Error as error:
        connection.execute("rollback")
        raise MigrationError(f"migration {name!r} failed and was rolled back: {error}") from error


def _digest(script: str) -> str:
    return hashlib.sha256(script.encode()).hexdigest()
