"""Migrations: each applied once, with its record, and never edited afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from warehouse.errors import MigrationError
from warehouse.migrations import migrate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_first.sql").write_text("create table a (x integer);", encoding="utf-8")
    (tmp_path / "0002_second.sql").write_text("create table b (x integer);", encoding="utf-8")
    return tmp_path


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    return [name for (name,) in connection.execute("select table_name from duckdb_tables() order by 1").fetchall()]


def test_each_migration_is_applied_once(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    assert migrate(connection, folder=folder) == ["0001_first", "0002_second"]
    assert migrate(connection, folder=folder) == []
    (folder / "0003_third.sql").write_text("alter table a add column y text;", encoding="utf-8")
    assert migrate(connection, folder=folder) == ["0003_third"]
    assert tables(connection) == ["a", "b", "schema_migrations"]


def test_edited_migration_is_refused(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    migrate(connection, folder=folder)
    (folder / "0001_first.sql").write_text("create table a (x bigint);", encoding="utf-8")
    with pytest.raises(MigrationError, match="migration '0001_first' was edited after it had been applied; restore it"):
        migrate(connection, folder=folder)


def test_vanished_migration_is_refused(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    migrate(connection, folder=folder)
    (folder / "0002_second.sql").unlink()
    with pytest.raises(MigrationError, match="'0002_second' was applied to this warehouse but its file is gone"):
        migrate(connection, folder=folder)


def test_migration_with_a_number_that_has_passed_is_refused(
    connection: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    migrate(connection, folder=folder)
    (folder / "0001_late.sql").write_text("create table c (x integer);", encoding="utf-8")
    with pytest.raises(MigrationError, match="'0001_late' is numbered before '0002_second'.*give it a later number"):
        migrate(connection, folder=folder)


def test_migration_that_fails_leaves_nothing_of_itself(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    broken = "create table c (x integer); insert into nowhere values (1);"
    (folder / "0003_broken.sql").write_text(broken, encoding="utf-8")
    with pytest.raises(MigrationError, match="migration '0003_broken' failed and was rolled back: .*nowhere"):
        migrate(connection, folder=folder)
    assert tables(connection) == ["a", "b", "schema_migrations"]
    (folder / "0003_broken.sql").write_text("create table c (x integer);", encoding="utf-8")
    assert migrate(connection, folder=folder) == ["0003_broken"]
