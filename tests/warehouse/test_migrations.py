"""Migrations: each applied once, with its record, and never edited afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from warehouse.errors import MigrationError
from warehouse.migrations import migrate
from warehouse.statements import SQL_FOLDER


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


def test_runs_of_an_older_warehouse_are_kept(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    for path in sorted((SQL_FOLDER / "migrations").glob("000[1-4]_*.sql")):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    migrate(connection, folder=tmp_path)
    connection.execute(
        "insert into runs (run_id, as_of, status, catalogs, started_at, code_version, message)"
        " values ('r1', '2026-11-01', 'gated', ['news'], '2026-11-01 03:15:00', '0.1.0', 'too few users')"
    )
    connection.execute(
        "insert into stage_runs (run_id, catalog, stage, status, rows_in, notes, started_at)"
        " values ('r1', 'news', 'topics', 'failed', 7, ['a note'], '2026-11-01 03:16:00')"
    )
    before = [connection.execute(f"select * from {table}").fetchall() for table in ("runs", "stage_runs")]
    assert migrate(connection)[0] == "0005_asking"
    plain = "select * exclude (is_backfill) from runs", "select * exclude (kept_from) from stage_runs"
    assert [connection.execute(query).fetchall() for query in plain] == before
    assert connection.execute("select is_backfill from runs").fetchall() == [(False,)]
    connection.execute("update runs set status = 'partial'")
    with pytest.raises(duckdb.ConstraintException):
        connection.execute("update stage_runs set status = 'unheard of'")


def test_metrics_of_an_older_warehouse_are_those_of_the_whole_truth(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    for path in sorted((SQL_FOLDER / "migrations").glob("*.sql")):
        if path.name < "0010":
            (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    migrate(connection, folder=tmp_path)
    connection.execute(
        "insert into metrics (run_id, catalog, ranker, metric, k, value, n_users, as_of, created_at)"
        " values ('r1', 'news', 'bm25', 'ndcg', 10, 0.5, 7, '2026-11-01', '2026-11-01 03:15:00')"
    )
    migrate(connection)
    found = connection.execute("select ranker, slice, metric, k, value, p_value, n_users from metrics").fetchall()
    assert found == [("bm25", "all", "ndcg", 10, 0.5, None, 7)]
    connection.execute("insert into metrics by name select * replace ('topic:sport' as slice) from metrics")
    with pytest.raises(duckdb.ConstraintException):
        connection.execute("insert into metrics select * from metrics")
