"""Keeps paid replies in the warehouse's folder: `llm.sqlite`. A reply is on disk before it is used.

A file of its own, and SQLite: replies come one by one and are looked up one by one, at hundreds a second and by several
processes at once (labeling workers share one cache), which is what DuckDB is not made for. Derived labels lie in DuckDB.
Time O(log replies) a look-up, memory a fixed page cache of some MiB.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl

from warehouse.batches import BatchFile, transaction
from warehouse.clock import utc_now
from warehouse.errors import DamagedError, WarehouseError
from warehouse.failures import is_damage

_log = logging.getLogger("nightjar.replies")

REPLIES = "llm.sqlite"
BUSY_SECONDS = 30.0
SCHEMA = """
create table if not exists replies (
    key blob primary key, task text not null, model text not null, text text not null,
    tokens_in integer not null, tokens_out integer not null, tokens_cached integer not null, stored_at text not null,
    checksum blob
) without rowid;
"""


class StoredRow(NamedTuple):
    """One reply: its text, the model that gave it, and the tokens it cost."""

    text: str
    model: str
    tokens_in: int
    tokens_out: int
    tokens_cached: int


class ReplyFile:
    """The open file; threads may share it. Use `open_replies`, which closes it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.connection = connection
        self.path = path
        self._lock = threading.RLock()
        with _naming_damage(path):
            self.batches = BatchFile(connection, self._lock)

    def list_batches(self) -> pl.DataFrame:
        """One row per batch that is known, newest first."""
        return self.batches.list_batches()

    def get(self, keys: Sequence[str]) -> dict[str, StoredRow]:
        """The replies that there are under keys of hex digits; at most some hundred keys at once.

        One that is not what was stored is as good as none, and is asked again: a warning says how many. Raises DamagedError
        where the file itself can't be read.
        """
        marks = ", ".join("?" * len(keys))
        query = f"select key, checksum, {', '.join(StoredRow._fields)} from replies where key in ({marks})"
        with self._lock, _naming_damage(self.path):
            found = self.connection.execute(query, [bytes.fromhex(key) for key in keys]).fetchall()
        rows = {key.hex(): (checksum, StoredRow(*values)) for key, checksum, *values in found}
        # An older version stored no checksum.
        whole = {key: row for key, (checksum, row) in rows.items() if checksum in (None, _checksum(key, row))}
        if len(whole) < len(rows):
            _log.warning(
                "%d stored replies in %r are damaged; these questions are asked again",
                len(rows) - len(whole),
                str(self.path),
            )
        return whole

    def put(self, task: str, rows: Sequence[tuple[str, StoredRow]]) -> None:
        """Store replies in one transaction; they are on disk when this returns."""
        now = utc_now().isoformat(timespec="seconds")
        values = [(bytes.fromhex(key), task, *row, now, _checksum(key, row)) for key, row in rows]
        columns = f"key, task, {', '.join(StoredRow._fields)}, stored_at, checksum"
        with self._lock, _naming_damage(self.path), transaction(self.connection):
            self.connection.executemany(
                f"insert or replace into replies ({columns}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)", values
            )

    def stats(self) -> pl.DataFrame:
        """One row per task and model: replies, tokens they cost, bytes, the oldest and the newest."""
        query = """
            select task, model, count(*) as replies, sum(tokens_in) as tokens_in, sum(tokens_out) as tokens_out,
                   sum(length(cast(text as blob))) as bytes, min(stored_at) as oldest, max(stored_at) as newest
            from replies group by task, model order by task, model
        """
        cursor = self.connection.execute(query)
        names = [column[0] for column in cursor.description]
        return pl.DataFrame(cursor.fetchall(), schema=names, orient="row")

    def prune(
        self, *, older_than_days: float | None = None, model: str | None = None, task: str | None = None,
        is_dry_run: bool = False,
    ) -> int:  # fmt: skip
        """Forget the replies that fit all that is given; how many those are. A dry run only counts.

        Raises WarehouseError when nothing is given: that would forget all that was paid for.
        """
        wanted: list[tuple[str, object]] = []
        if older_than_days is not None:
            last = (utc_now() - timedelta(days=older_than_days)).isoformat(timespec="seconds")
            wanted.append(("stored_at < ?", last))
        wanted += [(f"{name} = ?", value) for name, value in (("model", model), ("task", task)) if value is not None]
        if not wanted:
            raise WarehouseError("nothing says which replies to forget; give an age, a model or a task")
        where, values = " and ".join(part for part, _ in wanted), [value for _, value in wanted]
        if is_dry_run:
            return int(self.connection.execute(f"select count(*) from replies where {where}", values).fetchone()[0])
        with self._lock, transaction(self.connection):
            n_forgotten = self.connection.execute(f"delete from replies where {where}", values).rowcount
        self.connection.execute("vacuum")
        return n_forgotten


@contextmanager
def open_replies(folder: Path) -> Iterator[ReplyFile]:
    """Open (and create) the replies in the warehouse's folder, and close them at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    connection = connect_replies(folder)
    try:
        yield ReplyFile(connection, folder / REPLIES)
    finally:
        connection.close()


def connect_replies(folder: Path) -> sqlite3.Connection:
    """A connection to the file, made if it is not there. Raises WarehouseError when it can't be used."""
    path = folder / REPLIES
    try:
        # The write-ahead log lets readers and one writer go on together; "full" means on disk at every commit.
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        # A byte that is no text any more spoils its reply, whose checksum tells, and not the others.
        connection.text_factory = lambda text: text.decode("utf-8", errors="surrogateescape")
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.executescript(SCHEMA)
        _add_checksums(connection)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if is_damage(error) or isinstance(error, UnicodeDecodeError):
            raise _damaged(path, error) from error
        raise WarehouseError(f"the replies in {str(path)!r} can't be opened: {error}") from error
    return connection


def _add_checksums(connection: sqlite3.Connection) -> None:
    """The column that files of an older version lack; two processes may find that at once."""
    has_checksum = "select 1 from pragma_table_info('replies') where name = 'checksum'"
    if connection.execute(has_checksum).fetchone():
        return
    try:
        connection.execute("alter table replies add column checksum blob")
    except sqlite3.OperationalError:
        if not connection.execute(has_checksum).fetchone():
            raise


@contextmanager
def _naming_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        # SQLite's own words hold names of the schema, which may be no text any more.
        if is_damage(error) or isinstance(error, UnicodeDecodeError):
            raise _damaged(path, error) from error
        raise


def _damaged(path: Path, error: Exception) -> DamagedError:
    return DamagedError(
        f"the paid replies in {str(path)!r} are damaged: {error}; take this file out of a backup that you restore elsewhere, or"
        " move it away: what it held is asked again, and paid for"
    )


def _checksum(key: str, row: StoredRow) -> bytes:
    """Of all that a reply says, and under which key: a bit that turned on the disk must not become a label."""
    return hashlib.blake2b(f"{key}{row!r}".encode("utf-8", errors="surrogatepass"), digest_size=8).digest()
