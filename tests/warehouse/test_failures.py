"""What the machine did, in one line: by the system's number, by a library's words, through causes; and what is none of it."""

from __future__ import annotations

import errno
import sqlite3

import duckdb
import pytest

from tasks.contracts.errors import TerminalError
from warehouse.errors import WarehouseError
from warehouse.failures import explain_failure


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/d/x"), "the disk is full (writing '/d/x'); free some space"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk quota is used up; free some space"),
        (OSError(errno.EFBIG, "File too large"), "a file would become larger than this process may write; raise the limit"),
        (OSError(errno.EROFS, "Read-only file system", "/d"), "the folder can't be written to, it is read-only (writing '/d')"),
        (PermissionError(errno.EACCES, "Permission denied", "/d/x"), "no permission for '/d/x'; let this user read"),
        (MemoryError("std::bad_alloc"), "the memory is used up (std::bad_alloc); give the process more"),
        (duckdb.OutOfMemoryException("Out of Memory Error: failed\n\nadvice"), "the memory is used up (Out of Memory Error: failed)"),
        (
            duckdb.InvalidInputException("Invalid Input Error: exporting a stream failed: MemoryError: "),
            "the memory is used up (Invalid Input Error: exporting a stream failed: MemoryError:)",
        ),
        (sqlite3.OperationalError("database or disk is full"), "the disk is full; free some space"),
        (duckdb.IOException("Corrupt database file: computed checksum 1\nadvice"), "a database is damaged: Corrupt database file"),
        (duckdb.IOException('IO Error: Could not write file "x": No space left on device'), "the disk is full; free"),
    ],
)  # fmt: skip
def test_each_is_one_line_with_its_mend(error: Exception, line: str) -> None:
    said = explain_failure(error)
    assert said is not None
    assert said.startswith(line)
    assert "\n" not in said


def raise_one_after_another(first: Exception, second: Exception, *, is_known: bool) -> None:
    try:
        raise first
    except (OSError, MemoryError) as error:
        raise second from (error if is_known else None)


def test_what_is_behind_an_error_of_ours_is_found() -> None:
    with pytest.raises(WarehouseError) as caught:
        raise_one_after_another(OSError(errno.ENOSPC, "No space"), WarehouseError("rows were refused"), is_known=True)
    assert (explain_failure(caught.value) or "").startswith("the disk is full")


@pytest.mark.parametrize(
    "error", [ValueError("no such column"), TerminalError("the server says: out of memory"), FileNotFoundError(errno.ENOENT, "gone", "x"), None]
)  # fmt: skip
def test_other_errors_are_not_explained_away(error: Exception | None) -> None:
    assert explain_failure(error) is None


def test_context_that_was_suppressed_does_not_count() -> None:
    with pytest.raises(ValueError, match="something else") as caught:
        raise_one_after_another(MemoryError(), ValueError("it is something else"), is_known=False)
    assert explain_failure(caught.value) is None
