"""A warehouse of an earlier version: its runs are kept when the tables are rebuilt, and partial ones fit in."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from warehouse.connection import DATABASE, open_warehouse
from warehouse.migrations import migrate
from warehouse.statements import SQL_FOLDER


def test_runs_and_stages_are_kept(tmp_path: Path) -> None:
    earlier = tmp_path / "migrations"
    earlier.mkdir()
    for path in sorted((SQL_FOLDER / "migrations").glob("000[1-4]_*.sql")):
        shutil.copy(path, earlier)
    with duckdb.connect(str(tmp_path / DATABASE)) as connection:
        migrate(connection, folder=earlier)
        connection.execute(
            "insert into runs values ('r1', date '2026-01-02', 'gated', ['news'], now()::timestamp, null, 1.5, '0.1', 'why')"
        )
        connection.execute(
            "insert into stage_runs (run_id, catalog, stage, status, dropped, notes, started_at)"
            " values ('r1', 'news', 'topics', 'completed', '{\"a\": 1}', ['one', 'two'], now()::timestamp)"
        )
        before = [connection.execute(f"from {table}").fetchall() for table in ("runs", "stage_runs")]
    with open_warehouse(tmp_path) as warehouse:
        assert [warehouse.connection.execute(f"from {table}").fetchall() for table in ("runs", "stage_runs")] == before
        warehouse.connection.execute("update runs set status = 'partial'")
        warehouse.connection.execute("update stage_runs set status = 'partial'")
