"""Opens the warehouse and runs the statements of sql/ by name.

Reads and writes `<folder>/nightjar.duckdb`. One process writes at a time (DuckDB's own rule); every change is made in a
transaction, so that a killed process leaves the last committed state.
"""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from warehouse.errors import DamagedError, LockedError, WarehouseError
from warehouse.failures import RESTORE, first_line, is_damage
from warehouse.instances import ALIAS, Instance
from warehouse.migrations import migrate
from warehouse.replies import REPLIES, ReplyFile, connect_replies
from warehouse.statements import read_statement
from warehouse.views import create_views

DATABASE = "nightjar.duckdb"
CACHE_KEPT_MB = 16
POLL_SECONDS = 0.2
PATIENCE_S = 30.0
"""How long a writer waits for whoever has the file open: an analyst's query should not end a night of hours."""


class Warehouse:
    """An open warehouse. Use `open_warehouse`, which closes it."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, folder: Path, *, memory_limit_mb: int | None = None
    ) -> None:
        self.connection = connection
        self.folder = folder
        self.memory_limit_mb = memory_limit_mb
        self._streams: list[Generator[pl.DataFrame, None, None]] = []
        self._replies: ReplyFile | None = None

    @property
    def replies(self) -> ReplyFile:
        """The paid replies, opened when they are first asked for."""
        if self._replies is None:
            self._replies = ReplyFile(connect_replies(self.folder), self.folder / REPLIES)
        return self._replies

    @cached_property
    def columns(self) -> dict[str, list[str]]:
        """The columns of each table and view, as they were when this was first asked for."""
        rows = self.cursor().execute(
            "select table_name, column_name from duckdb_columns() where database_name = current_database()"
            " and schema_name = 'main' and not internal order by table_name, column_index"
        )
        found: dict[str, list[str]] = {}
        for table, column in rows.fetchall():
            found.setdefault(table, []).append(column)
        return found

    def close(self) -> None:
        """Close the connection and the streams that nobody read to the end: they would keep the database open."""
        for stream in self._streams:
            stream.close()
        if self._replies is not None:
            self._replies.connection.close()
        self.connection.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A second connection to the same open database, with a result of its own."""
        cursor = self.connection.cursor()
        cursor.execute(f"use {ALIAS}")
        return cursor

    def query(self, name: str, **values: Any) -> pl.DataFrame:
        """The result of `sql/<name>.sql` with `$key` filled from values."""
        return _to_polars(self.arrow(name, **values))

    def arrow(self, name: str, **values: Any) -> pa.Table:
        """The same as an Arrow table."""
        statement = read_statement(name)
        try:
            return self.connection.sql(statement, params=values or None).to_arrow_table()
        except duckdb.Error as error:
            raise self._failed(error, _describe(error, statement)) from error

    def stream(self, name: str, *, rows: int = 5000, **values: Any) -> Iterator[pl.DataFrame]:
        """The result of `sql/<name>.sql` in frames of about `rows` rows, on a cursor of its own: bounded memory."""
        stream = self._read_stream(name, rows, values)
        self._streams.append(stream)
        return stream

    def batches(self, name: str, *, rows: int, **values: Any) -> Iterator[pa.RecordBatch]:
        """The result of `sql/<name>.sql` on this connection (so that it sees temporary tables), a batch at a time.

        Read it to the end before the next statement.
        """
        statement = read_statement(name)
        try:
            for batch in self.connection.sql(statement, params=values or None).to_arrow_reader(rows):
                if batch.num_rows:
                    yield batch
        except duckdb.Error as error:
            raise self._failed(error, _describe(error, statement)) from error

    def run(self, name: str, **values: Any) -> None:
        """Execute `sql/<name>.sql`, which may hold several statements without values."""
        self._run(read_statement(name), values)

    def value(self, name: str, **values: Any) -> Any:
        """The first column of the first row, or None."""
        table = self.arrow(name, **values)
        return table.column(0)[0].as_py() if table.num_rows else None

    def insert(self, table: str, frame: pl.DataFrame, *, on_conflict: str = "error") -> None:
        """Append a frame by column name; on_conflict: "error", "ignore", or "replace" (by primary key)."""
        if frame.is_empty():
            return
        verb = {"error": "insert", "ignore": "insert or ignore", "replace": "insert or replace"}[on_conflict]
        columns = ", ".join(f'"{column}"' for column in frame.columns)
        self.connection.register("incoming", frame.to_arrow())
        try:
            self.connection.execute(f'{verb} into "{table}" ({columns}) select {columns} from incoming')
        except duckdb.Error as error:
            raise self._failed(error, f"rows for table {table!r} were refused: {error}") from error
        finally:
            # A refused row aborts the transaction, in which nothing can be unregistered; the next insert replaces it.
            with suppress(duckdb.TransactionException):
                self.connection.unregister("incoming")

    @contextmanager
    def confined(self, memory_mb: int) -> Iterator[None]:
        """One thread and little memory while labels land: what DuckDB holds then does not grow with the catalog.

        Enter it before the work list is read; a smaller limit of the operator's stays.
        """
        limit = memory_mb if self.memory_limit_mb is None else min(memory_mb, self.memory_limit_mb)
        self.connection.execute(f"set threads = 1; set memory_limit = '{limit}MB'")
        try:
            yield
        finally:
            own = self.memory_limit_mb
            restore = "reset memory_limit" if own is None else f"set memory_limit = '{own}MB'"
            self.connection.execute(f"reset threads; {restore}")

    def drop_cache(self) -> None:
        """Give back the pages that are only cached, as those of labels that landed and are not read again tonight.

        DuckDB drops them when its limit is lowered; where the work list holds more than that itself, all stays as it is.
        """
        limit = self.connection.sql("select current_setting('memory_limit')").fetchall()[0][0]
        with suppress(duckdb.OutOfMemoryException):
            self.connection.execute(f"set memory_limit = '{CACHE_KEPT_MB}MB'")
        self.connection.execute(f"set memory_limit = '{limit}'")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self.connection.execute("begin")
        try:
            yield
        except BaseException:
            # Where the database itself has failed, nothing is left to be rolled back, and what failed is what counts.
            with suppress(duckdb.Error):
                self.connection.execute("rollback")
            raise
        try:
            self.connection.execute("commit")
        except duckdb.Error as error:
            raise self._failed(error, f"a transaction could not be committed: {error}") from error

    def _read_stream(self, name: str, rows: int, values: Mapping[str, Any]) -> Generator[pl.DataFrame, None, None]:
        cursor = self.cursor()
        try:
            for batch in cursor.sql(read_statement(name), params=dict(values) or None).to_arrow_reader(rows):
                if batch.num_rows:
                    yield _to_polars(pa.Table.from_batches([batch]))
        finally:
            cursor.close()

    def _run(self, statement: str, values: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
        try:
            return self.connection.execute(statement, dict(values) or None)
        except duckdb.Error as error:
            raise self._failed(error, _describe(error, statement)) from error

    def _failed(self, error: duckdb.Error, message: str) -> WarehouseError:
        path = self.folder / DATABASE
        return DamagedError(_describe_damage(path, error)) if is_damage(error) else WarehouseError(message)


@contextmanager
def open_warehouse(folder: Path, *, read_only: bool = False, memory_limit_mb: int | None = None) -> Iterator[Warehouse]:
    """Open (and, for writing, create and migrate) the warehouse in `folder`, and close it at the end.

    Raises WarehouseError (of its kinds LockedError and DamagedError too), and OSError (EFBIG) where this process may not write
    as far as the file reaches.
    """
    path = folder / DATABASE
    if read_only and not path.exists():
        raise WarehouseError(
            f"there is no warehouse in {str(folder)!r} yet; run `nightjar ingest --catalog FILE` first"
        )
    folder.mkdir(parents=True, exist_ok=True)
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "temp_directory": str(folder / "tmp"),
        # What is freed goes back to the system at once: a night of small commits would hold 100 MB of it.
        "allocator_flush_threshold": "16MB",
        "allocator_bulk_deallocation_flush_threshold": "16MB",
    }
    if memory_limit_mb is not None:
        config["memory_limit"] = f"{memory_limit_mb}MB"
    instance = _attach_patiently(path, read_only=read_only, config=config)
    warehouse = Warehouse(instance.cursor(), folder, memory_limit_mb=memory_limit_mb)
    has_ended = False
    try:
        if not read_only:
            create_views(warehouse.connection, anew=bool(migrate(warehouse.connection)))
        yield warehouse
        has_ended = True
    except duckdb.Error as error:
        if is_damage(error):
            raise DamagedError(_describe_damage(path, error)) from error
        raise
    finally:
        warehouse.close()
        instance.close(is_reusable=has_ended)


def _attach_patiently(path: Path, *, read_only: bool, config: Mapping[str, Any]) -> Instance:
    """Raises LockedError where another process has the file, for a writer after PATIENCE_S: somebody's look is soon over."""
    deadline = time.monotonic() + (0.0 if read_only else PATIENCE_S)
    while True:
        try:
            return Instance(path, read_only=read_only, config=config)
        except duckdb.Error as error:
            if not (isinstance(error, duckdb.IOException) and "lock" in str(error).lower()):
                if is_damage(error):
                    raise DamagedError(_describe_damage(path, error)) from error
                raise WarehouseError(f"the warehouse {str(path)!r} can't be opened: {error}") from error
            if time.monotonic() >= deadline:
                raise LockedError(_describe_lock(path, error)) from error
        time.sleep(POLL_SECONDS)


def _describe_lock(path: Path, error: duckdb.Error) -> str:
    holder = re.search(r"PID (\d+)", str(error))
    whose = f" It is process {holder.group(1)}." if holder else ""
    return (
        f"the warehouse {str(path)!r} is open in another process; try again when it is done.{whose} To look at data while a run"
        " works, read what is published"
    )


def _describe_damage(path: Path, error: duckdb.Error) -> str:
    said = f"the warehouse {str(path)!r} is damaged: {first_line(error)}; {RESTORE}"
    wal = path.with_name(path.name + ".wal")
    if not wal.exists():
        return said
    return (
        f"{said}. If only {wal.name!r} is, then moving it away goes back to the last checkpoint: what was committed since is"
        " made again, but what people had brought in since is gone"
    )


def _describe(error: duckdb.Error, statement: str) -> str:
    return f"{error}\nin statement: {statement.strip()[:200]}"


def _to_polars(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    if not isinstance(frame, pl.DataFrame):
        raise WarehouseError("a statement returned no table")
    return frame
