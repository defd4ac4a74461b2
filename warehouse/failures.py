"""What the machine did to us, in one line that names the mend: a full disk, a limit, a folder that is read-only, a damaged file.

Libraries tell of these in their own words, or only by a number of the system; DuckDB in words alone. Nothing of ours is
wrong then, and no traceback helps: what was committed stands, and the same command goes on from there.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from warehouse.errors import DamagedError

GOES_ON = "the same command goes on from there"
RESTORE = "restore a backup into an empty folder: `nightjar --warehouse FOLDER restore BACKUP`"

_DAMAGE = (
    "Corrupt database file",
    "Corrupt WAL",
    "WAL file is corrupt",
    "not a valid DuckDB database file",
    "Could not read enough bytes",
    "Failed to deserialize",
    "database disk image is malformed",
    "malformed database schema",
    "file is not a database",
)
_MEMORY = (
    "Out of Memory",
    "out of memory",
    "bad_alloc",
    "bad allocation",
    "Unable to allocate",
    "MemoryError",
    # A thread needs memory for its stack before it does anything.
    "can't start new thread",
    "Failed to launch worker thread",
    os.strerror(errno.ENOMEM),
)
_FULL = (os.strerror(errno.ENOSPC), "database or disk is full", "StorageFull")
_QUOTA, _TOO_LARGE = os.strerror(errno.EDQUOT), os.strerror(errno.EFBIG)
_TELLERS = frozenset(
    {"builtins", "duckdb", "_duckdb", "sqlite3", "sqlalchemy", "polars", "pyarrow", "numpy", "lightgbm"}
)
"""Whose words are of this machine: a server that is out of memory says the same."""

_READ_ONLY = (os.strerror(errno.EROFS), "attempt to write a readonly database")


def explain_failure(error: BaseException | None) -> str | None:
    """The line, or None where none of these is behind an error; its causes and contexts are looked through."""
    for one in _chain(error):
        said = str(one) if isinstance(one, DamagedError) else _explain_one(one)
        if said is not None:
            return said
    return None


def is_damage(error: BaseException) -> bool:
    """Whether a database says of itself that its file is damaged."""
    return any(words in str(error) for words in _DAMAGE)


def first_line(error: BaseException) -> str:
    """What an error says first: DuckDB adds paragraphs of advice."""
    return str(error).strip().partition("\n")[0]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _explain_one(error: BaseException) -> str | None:
    is_teller = type(error).__module__.partition(".")[0] in _TELLERS
    text, number = str(error) if is_teller else "", getattr(error, "errno", None)
    where = f" (writing {str(error.filename)!r})" if isinstance(error, OSError) and error.filename else ""
    if number == errno.ENOSPC or any(words in text for words in _FULL):
        return f"the disk is full{where}; free some space, and {GOES_ON}"
    if number == errno.EDQUOT or _QUOTA in text:
        return f"the disk quota is used up{where}; free some space, and {GOES_ON}"
    if number == errno.EFBIG or _TOO_LARGE in text:
        return f"a file would become larger than this process may write{where}; raise the limit (`ulimit -f`), and {GOES_ON}"
    if number == errno.EROFS or any(words in text for words in _READ_ONLY):
        return f"the folder can't be written to, it is read-only{where}; mount it for writing, or name another: --warehouse FOLDER"
    if isinstance(error, PermissionError):
        return f"no permission for {str(error.filename)!r}; let this user read and write it, or name another folder"
    if is_teller and is_damage(error):
        return f"a database is damaged: {first_line(error)}; {RESTORE}"
    if _is_memory(error, text, number):
        return (
            f"the memory is used up ({first_line(error)[:120]}); give the process more, or let it take less: the settings"
            f" memory_limit_mb, shard_users and threads; {GOES_ON}"
        )
    return None


def _is_memory(error: BaseException, text: str, number: int | None) -> bool:
    is_type = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryException"
    return is_type or number == errno.ENOMEM or any(words in text for words in _MEMORY)
