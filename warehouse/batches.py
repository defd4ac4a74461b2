"""Keeps what is known of batches beside the replies, in `llm.sqlite`: their state, and which questions each row asks.

So that another night, or another process, picks up a batch that is still running. Time O(log rows) a look-up.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import polars as pl

from warehouse.clock import utc_now

SCHEMA = """
create table if not exists batches (
    batch_key text primary key, scope text not null, endpoint text not null, task text not null, file text not null,
    n_rows integer not null, status text not null, batch_id text not null, message text not null,
    created_at text not null, updated_at text not null
);
create table if not exists batch_rows (
    key blob primary key, batch_key text not null, custom_id text not null, position integer not null
) without rowid;
create index if not exists batch_rows_by_request on batch_rows (batch_key, custom_id);
"""
COLUMNS = ("batch_key", "scope", "endpoint", "file", "n_rows", "status", "batch_id", "message")
CHANGEABLE = frozenset({"status", "batch_id", "message"})


class BatchFile:
    """The batches' part of the open file; `lock` is the file's."""

    def __init__(self, connection: sqlite3.Connection, lock: threading.RLock) -> None:
        self._connection = connection
        self._lock = lock
        connection.executescript(SCHEMA)

    def add(self, batch: Mapping[str, Any], *, task: str, rows: Iterable[tuple[str, str, int]]) -> None:
        """Note a batch (its COLUMNS) with its rows (question key, custom_id, position) in one transaction."""
        now = _now()
        values = [batch[name] for name in COLUMNS]
        with self._lock, transaction(self._connection):
            self._connection.execute(
                f"insert or replace into batches ({', '.join(COLUMNS)}, task, created_at, updated_at)"
                f" values ({', '.join('?' * (len(COLUMNS) + 3))})",
                [*values, task, now, now],
            )
            self._connection.executemany(
                "insert or replace into batch_rows values (?, ?, ?, ?)",
                ((bytes.fromhex(key), batch["batch_key"], custom_id, position) for key, custom_id, position in rows),
            )

    def update(self, batch_key: str, changes: Mapping[str, Any]) -> None:
        """Change status, batch_id or message."""
        names = [name for name in changes if name in CHANGEABLE]
        setting = ", ".join(f"{name} = ?" for name in names)
        self._execute(
            f"update batches set {setting}, updated_at = ? where batch_key = ?",
            [*(changes[name] for name in names), _now(), batch_key],
        )

    def find(self, scope: str, statuses: Sequence[str]) -> list[dict[str, Any]]:
        """The batches of a scope in one of these states, oldest first."""
        marks = ", ".join("?" * len(statuses))
        found = self._execute(
            f"select {', '.join(COLUMNS)} from batches where scope = ? and status in ({marks}) order by created_at, batch_key",
            [scope, *statuses],
        )
        return [dict(zip(COLUMNS, row, strict=True)) for row in found]

    def status_of(self, key: str) -> str | None:
        """The state of the batch that asks a question, None where none does."""
        query = "select b.status from batch_rows as r join batches as b using (batch_key) where r.key = ?"
        found = self._execute(query, [bytes.fromhex(key)])
        return str(found[0][0]) if found else None

    def keys_of(self, batch_key: str, custom_id: str) -> list[str]:
        """The questions of one request in their order."""
        query = "select key from batch_rows where batch_key = ? and custom_id = ? order by position"
        return [row[0].hex() for row in self._execute(query, [batch_key, custom_id])]

    def forget_question(self, key: str) -> None:
        """No batch asks this question any more."""
        self._execute("delete from batch_rows where key = ?", [bytes.fromhex(key)])

    def forget_questions(self, batch_key: str) -> None:
        """No question is asked by this batch any more."""
        self._execute("delete from batch_rows where batch_key = ?", [batch_key])

    def _execute(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def list_batches(self) -> pl.DataFrame:
        """One row per batch, newest first: id, endpoint, task, status, requests, what the server said, when."""
        cursor = self._connection.execute(
            "select batch_id, endpoint, task, status, n_rows as requests, message, created_at, updated_at from batches"
            " order by created_at desc, batch_key"
        )
        names = [column[0] for column in cursor.description]
        return pl.DataFrame(cursor.fetchall(), schema=names, orient="row")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; on disk at the end."""
    connection.execute("begin immediate")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def _now() -> str:
    return utc_now().isoformat(timespec="milliseconds")
