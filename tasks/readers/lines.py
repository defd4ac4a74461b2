"""Lines of a text file, decoded as they stream in, each with its number and what is wrong with it."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from tasks.contracts.errors import SourceError

# A longer line is not text but damage (or one big JSON array), and must not fill the memory.
MAX_LINE = 8 * 1024 * 1024

_UNDECODED = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its line break. problem is empty for a line that could be decoded and was not too long."""

    number: int
    text: str
    problem: str = ""


def read_lines(stream: IO[bytes], encoding: str, *, newline: str = "\n") -> Iterator[Line]:
    r"""Lines of a stream; a byte order mark is skipped. newline "" also ends lines at "\r", as csv does.

    A byte that the encoding does not know makes one line bad, not the file. Raises SourceError for an unknown encoding.
    """
    with io.TextIOWrapper(stream, _codec(encoding), errors="surrogateescape", newline=newline) as text:
        number = 0
        while chunk := text.readline(MAX_LINE):
            number += 1
            problem = ""
            if len(chunk) == MAX_LINE and not chunk.endswith("\n"):
                problem = f"line is longer than {MAX_LINE} characters; is it a line at all?"
                _skip_to_next_line(text)
            elif not chunk.isascii() and (found := _UNDECODED.search(chunk)):
                problem = f"not {encoding}: byte 0x{ord(found.group()) - 0xDC00:02x}; state the file's encoding"
            yield Line(number, chunk, problem)


def _skip_to_next_line(text: io.TextIOWrapper) -> None:
    while (chunk := text.readline(MAX_LINE)) and not chunk.endswith("\n"):
        pass


def _codec(encoding: str) -> str:
    name = find_encoding(encoding)
    return "utf-8-sig" if name == "utf-8" else name


def find_encoding(encoding: str) -> str:
    """Python's name for an encoding of text; raises SourceError where it knows none of this name."""
    try:
        # Of some names ("hex", "zip") it knows, too, but they are no encodings of text.
        "".encode(encoding)
        return codecs.lookup(encoding).name
    except (LookupError, ValueError) as error:
        raise SourceError(f"unknown encoding {encoding!r}; Python knows utf-8, cp1252 and many others") from error
