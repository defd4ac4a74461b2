"""JSON out of whatever a model wrote: fences, prose around it, trailing commas, Python style, several values.

Pure and total: any text gives a list of candidates, perhaps an empty one, and never an exception; the work is bounded.
What a candidate means is decided in tasks/llm/structured.py.
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_CHARS = 100_000
MAX_CANDIDATES = 50
MAX_BROKEN_OPENINGS = 20
MAX_DEPTH = 64

_THINKING = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)
_OPENING = re.compile(r"[{\[]")
# Strings come first, so that what looks like structure inside one is left alone. An unterminated one runs to the end
# of the text, which keeps the scan linear.
_DOUBLE = r'"(?:[^"\\]|\\.)*(?:"|\\?$)'
_SINGLE = r"'(?:[^'\\]|\\.)*(?:'|\\?$)"
_STRUCTURES = (
    re.compile(rf"{_DOUBLE}|[{{}}\[\]]", re.DOTALL),
    re.compile(rf"{_DOUBLE}|{_SINGLE}|[{{}}\[\]]", re.DOTALL),
)
_MENDABLE = re.compile(rf"{_DOUBLE}|{_SINGLE}|//[^\n]*|,(?=\s*[}}\]])|\b(?:True|False|None)\b", re.DOTALL)
_PYTHON_WORDS = {"True": "true", "False": "false", "None": "null"}
_STRAIGHT_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'"})


def find_json(text: str) -> list[Any]:
    r"""Every JSON object and array of `text` that is not inside another, in order; mended where the mend is plain.

    >>> find_json('Sure! ```json\n{"number": 1, "is_similar": True,}\n``` Anything else?')
    [{'number': 1, 'is_similar': True}]

    Text beyond MAX_CHARS is not read. An object that gives a key two different values is no candidate.
    """
    text = text[:MAX_CHARS].strip("\ufeff \n\r\t")
    whole = _load(text)
    if isinstance(whole, (dict, list)):
        return [whole]
    return _drop_thoughts(text, _scan(text))


def _scan(text: str) -> list[tuple[int, int, Any]]:
    """(start, end, value) of what is found."""
    found: list[tuple[int, int, Any]] = []
    position, n_broken = 0, 0
    while len(found) < MAX_CANDIDATES and n_broken < MAX_BROKEN_OPENINGS:
        opening = _OPENING.search(text, position)
        if opening is None:
            break
        value, position = _decode_at(text, opening.start())
        n_broken += value is _NOTHING
        if value is not _NOTHING and value:
            found.append((opening.start(), position, value))
    return found


class _Nothing:
    """Stands for "no JSON here", because null is JSON."""


_NOTHING = _Nothing()


def _drop_thoughts(text: str, found: list[tuple[int, int, Any]]) -> list[Any]:
    """Without what a reasoning model only thought, between tags that stand in no value themselves.

    A chat template may have swallowed the opening tag, so all before a closing one is thought; and a thought that is
    never closed has brought no answer.
    """
    first, last = 0, len(text)
    for tag in _THINKING.finditer(text):
        if any(start <= tag.start() < end for start, end, _ in found):
            continue
        if tag.group(1):
            first, last = tag.end(), len(text)
        else:
            last = min(last, tag.start())
    return [value for start, end, value in found if first <= start and end <= last]


def _decode_at(text: str, start: int) -> tuple[Any, int]:
    """The value that begins at `start`, or _NOTHING; and where to look on."""
    try:
        return _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        pass
    for structure in _STRUCTURES:
        end = _find_end(text, start, structure=structure)
        for chunk in (text[start:end], text[start:end].translate(_STRAIGHT_QUOTES)):
            value = _load(_MENDABLE.sub(_mend, chunk)) if chunk else _NOTHING
            if value is not _NOTHING:
                return value, end
    return _NOTHING, start + 1


def _find_end(text: str, start: int, *, structure: re.Pattern[str]) -> int:
    """The position after the bracket that closes the one at `start`; `start` where none does."""
    depth = 0
    for token in structure.finditer(text, start):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token.group(), 0)
        if depth == 0:
            return token.end()
        if depth > MAX_DEPTH:
            break
    return start


def _mend(match: re.Match[str]) -> str:
    token = match.group()
    if token.startswith("'") and token.endswith("'") and len(token) > 1:
        inner = token[1:-1].replace("\\'", "'")
        return '"' + re.sub(r'(?<!\\)"', r"\"", inner) + '"'
    if token.startswith(("//", ",")):
        return ""
    return _PYTHON_WORDS.get(token, token)


def _load(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return _NOTHING


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for key, value in pairs:
        if key in built and built[key] != value:
            raise ValueError(f"key {key!r} is given twice with different values")
        built[key] = value
    return built


_DECODER = json.JSONDecoder(strict=False, parse_constant=_refuse_constant, object_pairs_hook=_build_object)
