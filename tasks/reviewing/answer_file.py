"""Opens a file of answers and finds out what it is: Label Studio's export, our spreadsheet, or plain gold. Reads that file.

`source` names the file and the beginning of its checksum, so that the same file is known when it is brought in again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tasks.contracts.errors import ConfigError
from tasks.reviewing.annotations import read_annotations
from tasks.reviewing.answers import Row
from tasks.reviewing.json_stream import read_array
from tasks.reviewing.spreadsheet import is_gold, read_spreadsheet

WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class AnswerFile:
    """The rows of a file; catalog is that of plain gold, which does not name one."""

    rows: Iterator[Row]
    source: str
    is_gold: bool
    catalog: str


@contextmanager
def open_answers(path: Path, catalogs: Sequence[str]) -> Iterator[AnswerFile]:
    """The answers of a file, read as they are asked for.

    Raises ConfigError for a file that does not exist, is no text or of no known form, and for plain gold unless there is
    exactly one catalog that it can be for.
    """
    try:
        digest, encoding = _look(path)
        with path.open(encoding=encoding, newline="") as file:
            if _first_sign(file) in "[{":
                yield AnswerFile(read_annotations(read_array(file)), f"label-studio {path.name} {digest}", False, "")
                return
            has_gold = is_gold(file)
            if has_gold and len(catalogs) != 1:
                raise ConfigError(
                    f"plain gold {str(path)!r} names no catalog, and there are {', '.join(catalogs)}; say --catalog FILE once"
                )
            kind, catalog = ("gold", catalogs[0]) if has_gold else ("csv", "")
            yield AnswerFile(read_spreadsheet(file), f"{kind} {path.name} {digest}", has_gold, catalog)
    except UnicodeDecodeError as error:
        raise ConfigError(f"file {str(path)!r} is no UTF-8 text ({error.reason}); save it as CSV UTF-8") from error
    except OSError as error:
        raise ConfigError(f"file {str(path)!r} can't be read: {error.strerror}; give a file of answers") from error


def _look(path: Path) -> tuple[str, str]:
    """The beginning of the checksum, and the encoding by the byte order mark."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:12]
        file.seek(0)
        return digest, "utf-16" if file.read(2) in WIDE_MARKS else "utf-8-sig"


def _first_sign(file: TextIO) -> str:
    text = file.read(1000).lstrip()
    file.seek(0)
    return text[:1] or " "
