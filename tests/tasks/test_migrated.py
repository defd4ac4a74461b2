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
        kept = ("select * exclude (is_backfill) from runs", "select * exclude (kept_from) from stage_runs")
        assert [warehouse.connection.execute(statement).fetchall() for statement in kept] == before
        assert warehouse.connection.execute("select is_backfill from runs").fetchall() == [(False,)]
        warehouse.connection.execute("update runs set status = 'partial'")
        warehouse.connection.execute("update stage_runs set status = 'partial'")


def test_labels_are_kept(tmp_path: Path) -> None:
    earlier = tmp_path / "migrations"
    earlier.mkdir()
    for path in sorted((SQL_FOLDER / "migrations").glob("000[1-5]_*.sql")):
        shutil.copy(path, earlier)
    origin = "1, 2, 3, 0.5, 'r1', now()::timestamp"
    rows = {
        "enrichments": f"('h1', 'f', 'me', 's', ['t'], 'm', 'a', ['k'], '{{}}', 0.5, {origin})",
        "topic_labels": f"('h1', 'f', 'me', 'sport', [{{topic: 'sport', confidence: 0.5}}], 0.5, 'why', {origin})",
        "similarity_labels": f"('h1', 'h2', 'f', 'me', true, 0.9, 0.5, 'why', {origin})",
        "judge_labels": f"('p1', 'h1', 'f', 'me', 3, 0.5, 'why', {origin})",
    }
    with duckdb.connect(str(tmp_path / DATABASE)) as connection:
        migrate(connection, folder=earlier)
        for table, row in rows.items():
            connection.execute(f"insert into {table} values {row}")
        before = {table: connection.sql(f"from {table}") for table in rows}
        kept = {table: (", ".join(found.columns), found.fetchall()) for table, found in before.items()}
    with open_warehouse(tmp_path) as warehouse:
        for table, (columns, row) in kept.items():
            assert warehouse.connection.sql(f"select {columns} from {table}").fetchall() == row
