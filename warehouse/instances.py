"""The DuckDB instance behind an open warehouse. The file is attached to it when the warehouse opens, and detached at the end.

A new instance takes twice as long as attaching a file, closing one with a checkpoint longer still, and a night opens its
warehouse some 200 times. So an instance is kept, with no file attached and nobody's file locked, for the next opening with the
same settings. What failed or has spilled to disk is not kept.
"""

from __future__ import annotations

import atexit
import errno
import os
import resource
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import duckdb

ALIAS = "nightjar"
KEPT = 2
"""A stage opens the warehouse with the operator's memory limit, what is written down of its run without."""

ROW_GROUP_ROWS = 16_384
"""A checkpoint holds a table's last row group in memory twice; DuckDB's own 122,880 labels would be 100 MB for moments."""

SMALLEST_LIMIT = 1 << 20
"""Without a row a warehouse has 800 kB; where files end below that, it would be left half made."""

_Settings = frozenset[tuple[str, str]]
_spare: list[tuple[_Settings, duckdb.DuckDBPyConnection]] = []
_guard = Lock()


class Instance:
    """A DuckDB instance whose one database is a warehouse's file. Statements run on its cursors, never on itself."""

    def __init__(self, path: Path, *, read_only: bool, config: Mapping[str, Any]) -> None:
        """Attach the file; config: DuckDB's settings of the instance.

        Raises duckdb.Error where that fails, OSError (EFBIG) where this process may not write as far as the file reaches.
        """
        if not read_only:
            _require_reach(path)
        self._settings: _Settings = frozenset((name, str(value)) for name, value in config.items())
        self._root = _take(self._settings) or duckdb.connect(":memory:", config=dict(config))
        # The size of row groups can be said only where a file is attached.
        options = f"row_group_size {ROW_GROUP_ROWS}" + (", read_only" if read_only else "")
        quoted = str(path).replace("'", "''")
        try:
            self._root.execute(f"attach '{quoted}' as {ALIAS} ({options})")
        except duckdb.Error:
            self._root.close()
            raise

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection to the file, with temporary tables and a result of its own; close it before the instance."""
        cursor = self._root.cursor()
        cursor.execute(f"use {ALIAS}")
        return cursor

    def close(self, *, is_reusable: bool) -> None:
        """Let go of the file; is_reusable: nothing has failed, so that the instance may serve again."""
        if is_reusable:
            try:
                self._root.execute(f"detach {ALIAS}")
                self._give_back_memory()
            except duckdb.Error:
                # As where a full disk refuses the checkpoint: the log beside the file has all, and is read when it is opened.
                is_reusable = False
        scratch = dict(self._settings).get("temp_directory")
        if is_reusable and not (scratch and Path(scratch).exists()):
            _keep(self._settings, self._root)
        else:
            self._root.close()

    def _give_back_memory(self) -> None:
        """What was freed stays with DuckDB, hundreds of MB after a heavy stage, until its limit is lowered."""
        own = dict(self._settings).get("memory_limit")
        restore = "reset memory_limit" if own is None else f"set memory_limit = '{own}'"
        self._root.execute(f"set memory_limit = '1MB'; {restore}")


def _require_reach(path: Path) -> None:
    """DuckDB writes blocks of metadata again in place: a limit (`ulimit -f`) that cuts such a write short damages the file.

    A limit beyond the end of the file cuts only what nothing refers to yet.
    """
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if limit != resource.RLIM_INFINITY and limit < max(path.stat().st_size if path.exists() else 0, SMALLEST_LIMIT):
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))


def _take(settings: _Settings) -> duckdb.DuckDBPyConnection | None:
    with _guard:
        for place, (known, root) in enumerate(_spare):
            if known == settings:
                del _spare[place]
                return root
    return None


def _keep(settings: _Settings, root: duckdb.DuckDBPyConnection) -> None:
    with _guard:
        _spare.append((settings, root))
        old = _spare[:-KEPT]
        del _spare[:-KEPT]
    for _, one in old:
        one.close()


@atexit.register
def _close_spare() -> None:
    """Before the interpreter goes: whoever binds DuckDB to Python complains of objects that outlive it."""
    with _guard:
        for _, root in _spare:
            root.close()
        _spare.clear()
