"""How surely a model chose its labels: the probability of the tokens that spell a value of its reply. Pure.

Tokens know nothing of JSON: one may hold the end of a value and the comma behind it, or half of a letter. So both are laid
side by side as UTF-8 bytes: the values are found in the text by a scanner of JSON, and a value's probability is the product
of all tokens that have a byte in it. Quotation marks are no part of a value. What can't be laid side by side has no
probability: nothing is guessed. Time O(bytes of the reply).
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from tasks.llm.types import Token

Values = tuple[tuple[str, float], ...]
"""The values of one answer in their order, as they are written, each with its probability in [0, 1]."""

KEPT_AS = "probabilities"
MAX_CHARS = 100_000
MAX_DIGITS = 20
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)


def read_tokens(choice: Mapping[str, Any]) -> tuple[Token, ...]:
    """The tokens of a completion's choice; () where the server sent none, or none that can be read."""
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    tokens = [_read_token(row) for row in content] if isinstance(content, list) else []
    return () if None in tokens else tuple(token for token in tokens if token is not None)


def measure_values(text: str, tokens: Sequence[Token], *, name: str, n_questions: int) -> dict[int, Values]:
    """By question number the values of `name` in its answer, at any depth; a number is absent where that can't be told.

    >>> tokens = [Token(b'{"number": 1, "grade"', 0.0), Token(b": 2", -0.5), Token(b"}", 0.0)]
    >>> [(value, round(p, 2)) for value, p in measure_values('{"number": 1, "grade": 2}', tokens, name="grade", n_questions=1)[1]]
    [('2', 0.61)]
    """
    start = _find_start(text, tokens)
    if start is None:
        return {}
    ends = list(accumulate((len(token.data) for token in tokens), initial=-start))
    places = _byte_places(text)
    found: dict[int, Values] = {}
    for number, spans in _find_spans(text, name=name, n_questions=n_questions):
        if number in found:
            return {}
        values = []
        for first, last in spans:
            begin, end = places[first], places[last]
            covering = tokens[bisect_right(ends, begin) - 1 : bisect_left(ends, end)]
            values.append((text[first:last], min(1.0, math.exp(sum(token.logprob for token in covering)))))
        found[number] = tuple(values)
    return found


def keep_values(row: Mapping[str, Any], values: Values | None) -> dict[str, Any]:
    """What is stored of one answer: its row, and beside it the probabilities where there are any to keep."""
    kept: dict[str, Any] = {"answers": [row]}
    return kept if values is None else {**kept, KEPT_AS: [[value, round(share, 6)] for value, share in values]}


def stored_values(text: str) -> Values | None:
    """The probabilities that were stored with one answer; None where none were."""
    try:
        return tuple((str(value), float(share)) for value, share in json.loads(text)[KEPT_AS])
    except (ValueError, TypeError, KeyError):
        return None


def _read_token(row: Any) -> Token | None:
    if not isinstance(row, dict) or not isinstance(row.get("token"), str):
        return None
    logprob, data = row.get("logprob"), row.get("bytes")
    if not isinstance(logprob, (int, float)) or isinstance(logprob, bool) or logprob != logprob:
        return None
    try:
        # The token's own text may stand for half a letter by a question mark; its bytes don't.
        spelled = bytes(data) if isinstance(data, list) else row["token"].encode("utf-8", "surrogatepass")
        return Token(spelled, min(0.0, float(logprob)))
    except (ValueError, TypeError, OverflowError):
        return None


def _find_start(text: str, tokens: Sequence[Token]) -> int | None:
    """Where the text begins in the tokens' bytes; None where it is not in them. Servers trim blanks and thoughts."""
    joined = b"".join(token.data for token in tokens)
    place = joined.find(text.encode("utf-8", "surrogatepass")) if text and joined else -1
    return place if place >= 0 else None


def _byte_places(text: str) -> list[int]:
    if text.isascii():
        return list(range(len(text) + 1))
    return list(accumulate((len(char.encode("utf-8", "surrogatepass")) for char in text), initial=0))


@dataclass
class _Open:
    """An object or array that is being read."""

    is_object: bool
    key: str | None = None
    number: int | None = None
    spans: list[tuple[int, int]] = field(default_factory=list)


def _find_spans(text: str, *, name: str, n_questions: int) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Each object that holds a number, with the places of the values of `name` in it, quotation marks left out."""
    stack: list[_Open] = []
    has_numbers = False
    for key, match in _read_pieces(text, stack):
        piece = match.group()
        if piece in "}]":
            closed = stack.pop()
            if closed.number is not None:
                has_numbers = True
                yield closed.number, closed.spans
            elif stack:
                stack[-1].spans += closed.spans
            elif n_questions == 1 and not has_numbers:
                yield 1, closed.spans
        elif key == "number" and len(piece) <= MAX_DIGITS and piece.strip('"').isdecimal():
            stack[-1].number = int(piece.strip('"'))
        elif key == name:
            inside = 1 if piece.startswith('"') else 0
            stack[-1].spans.append((match.start() + inside, match.end() - inside))


def _read_pieces(text: str, stack: list[_Open]) -> Iterator[tuple[str | None, re.Match[str]]]:
    """Scalar values with their keys, and closing brackets; the stack is kept as deep as the place is."""
    for match in _PIECE.finditer(text[:MAX_CHARS]):
        piece = match.group()
        top = stack[-1] if stack else None
        if piece in "{[":
            stack.append(_Open(piece == "{"))
        elif piece in "}]":
            if top is None or top.is_object != (piece == "}"):
                return
            yield None, match
        elif piece == ",":
            if top is not None and top.is_object:
                top.key = None
        elif top is not None and piece != ":":
            if top.is_object and top.key is None:
                top.key = piece.strip('"')
            else:
                yield top.key, match
