"""The warehouse's two databases as files that may be copied: nothing writes to them while they are, nothing is half written.

Neither is changed in its schema: a backup before an upgrade must hold the warehouse as the old version left it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from warehouse.connection import DATABASE
from warehouse.errors import DamagedError, LockedError, WarehouseError
from warehouse.failures import RESTORE, first_line, is_damage
from warehouse.instances import ALIAS
from warehouse.migrations import known_migrations
from warehouse.replies import REPLIES

PAGES = 2048


@contextmanager
def still_database(folder: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """(the DuckDB file with all that is committed in it, sha256 by name of its migrations); nobody writes within the block.

    Raises WarehouseError if there is no warehouse, LockedError if another process has it open.
    """
    path = folder / DATABASE
    if not path.exists():
        raise WarehouseError(f"there is no warehouse in {str(folder)!r}; nothing to back up")
    quoted = str(path).replace("'", "''")
    with duckdb.connect(":memory:", config={"autoload_known_extensions": "false"}) as connection:
        try:
            connection.execute(f"attach '{quoted}' as {ALIAS}; use {ALIAS}")
            # What a killed run had committed last may still be in the write-ahead log.
            connection.execute("force checkpoint")
            # A copy of a damaged file is no backup: every block is read once, and DuckDB holds it to its checksum.
            read_all(connection)
            applied = dict(connection.execute("select name, sha256 from schema_migrations").fetchall())
        except duckdb.Error as error:
            if is_damage(error):
                raise DamagedError(
                    f"the warehouse {str(path)!r} is damaged, and not backed up: {first_line(error)}; {RESTORE}"
                ) from error
            if isinstance(error, duckdb.IOException) and "lock" in str(error).lower():
                raise LockedError(f"the warehouse {str(path)!r} is open in another process; try again later") from error
            raise WarehouseError(f"the warehouse {str(path)!r} can't be read: {error}") from error
        yield path, applied


def read_all(connection: duckdb.DuckDBPyConnection) -> None:
    """Read every value of every table once; DuckDB raises where a block is not what was written. Time O(bytes)."""
    for (table,) in connection.execute("select table_name from duckdb_tables() where not temporary").fetchall():
        connection.execute(f'select bit_xor(hash(every)) from "{table}" as every').fetchall()


def copy_replies(folder: Path, target: Path) -> bool:
    """Copy the paid replies page by page into `target`, whole also while somebody writes; False if there are none."""
    path = folder / REPLIES
    if not path.exists():
        return False
    source, copy = sqlite3.connect(path), sqlite3.connect(target)
    try:
        source.backup(copy, pages=PAGES)
        [found] = copy.execute("pragma quick_check(1)").fetchone()
        if found != "ok":
            raise DamagedError(
                f"the replies in {str(path)!r} are damaged, and not backed up: {found}; move the file away"
            )
    except sqlite3.Error as error:
        raise WarehouseError(f"the replies in {str(path)!r} can't be copied: {error}") from error
    finally:
        copy.close()
        source.close()
    return True


def newer_migrations(applied: dict[str, str]) -> list[str]:
    """Names of applied migrations that this version does not have, or has otherwise: a newer Nightjar made them."""
    known = known_migrations()
    return sorted(name for name, digest in applied.items() if known.get(name) != digest)
