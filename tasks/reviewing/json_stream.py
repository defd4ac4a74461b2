"""A JSON array read element by element, so that a large export needs no more memory than its largest element. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TextIO

from tasks.contracts.errors import ConfigError

CHUNK = 1 << 20
_SPACE = " \t\r\n\ufeff"


def read_array(file: TextIO, *, chunk: int = CHUNK) -> Iterator[Any]:
    """The elements of a file that holds one array of objects. Raises ConfigError where it is cut or no such array."""
    decoder, text, start, n_read = json.JSONDecoder(), "", 0, 0
    is_open, needs_comma = False, False
    while True:
        start = _skip_space(text, start)
        if start < len(text):
            sign = text[start]
            if not is_open:
                _expect(sign == "[", n_read, "does not begin with '['")
                is_open, start = True, start + 1
                continue
            if sign == "]":
                return
            if sign == "," and needs_comma:
                needs_comma, start = False, start + 1
                continue
            _expect(sign == "{" and not needs_comma, n_read, f"has {sign!r} where an object should stand")
            try:
                element, start = decoder.raw_decode(text, start)
            except json.JSONDecodeError as error:
                # It may only be cut at the end of what was read so far.
                more = file.read(max(chunk, len(text) - start))
                if not more:
                    raise ConfigError(_complain(n_read, f"is cut or no JSON: {error.msg}")) from error
                text, start = text[start:] + more, 0
                continue
            except (ValueError, RecursionError) as error:
                raise ConfigError(_complain(n_read, f"holds what can't be read: {error}")) from error
            n_read, needs_comma = n_read + 1, True
            yield element
            continue
        text, start = file.read(chunk), 0
        _expect(bool(text), n_read, "ends before its ']'")


def _skip_space(text: str, start: int) -> int:
    while start < len(text) and text[start] in _SPACE:
        start += 1
    return start


def _expect(is_so: bool, n_read: int, problem: str) -> None:
    if not is_so:
        raise ConfigError(_complain(n_read, problem))


def _complain(n_read: int, problem: str) -> str:
    return f"the JSON {problem} (after {n_read} tasks); export it from Label Studio again as JSON or JSON-MIN"
