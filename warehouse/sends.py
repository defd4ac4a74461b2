"""Counts what was sent to an endpoint in the last minute, for all processes of a machine: a small SQLite file each.

Reads and writes `<folder>/<name>.sqlite`. What a power cut loses there is a minute old when the machine is up again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.errors import WarehouseError

BUSY_SECONDS = 10.0


class SendsFile:
    """Sends by time: (seconds since 1970, requests, tokens)."""

    def __init__(self, path: Path) -> None:
        """Open or make the file; raises WarehouseError when it can't be used."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            self._file.execute("pragma synchronous = off")
            self._file.execute("create table if not exists sends (at real primary key, n integer, tokens integer)")
        except (OSError, sqlite3.Error) as error:
            raise WarehouseError(f"the shared rate window {str(path)!r} can't be used: {error}; remove it") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else reads or writes meanwhile."""
        self._file.execute("begin immediate")
        try:
            yield
        finally:
            self._file.execute("commit")

    def read(self, *, since: float, until: float) -> list[tuple[float, int, int]]:
        """The sends between two times, oldest first; those outside are forgotten."""
        self._file.execute("delete from sends where at <= ? or at > ?", (since, until))
        return self._file.execute("select at, n, tokens from sends order by at").fetchall()

    def add(self, at: float, *, n: int, tokens: int) -> None:
        """Count requests and tokens at a time."""
        self._file.execute(
            "insert into sends values (?, ?, ?)"
            " on conflict do update set n = n + excluded.n, tokens = tokens + excluded.tokens",
            (at, n, tokens),
        )
