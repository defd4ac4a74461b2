"""Regular expressions that could take forever, recognised by their shape before they are ever run.

Pure. What is looked for is a choice inside of a repetition: `(a+)+`, `(a|ab)*`, `(\\w?\\d?)*`. On a text that almost
matches, such a pattern tries every way to split it up. Possessive quantifiers and atomic groups (Python 3.11) don't, so
each finding has a mend that changes nothing else. Some harmless patterns are refused, too, and have the same mend.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from re import _constants, _parser  # type: ignore[attr-defined]  # the only parser that agrees with what is run
from typing import Any

MANY = 32

_REPEATS = {_constants.MAX_REPEAT, _constants.MIN_REPEAT}
_SETTLED = {_constants.POSSESSIVE_REPEAT, _constants.ATOMIC_GROUP}


def find_risk(pattern: str) -> str:
    """What in a valid `pattern` could take exponentially long, and the mend; empty when nothing is found."""
    try:
        parsed = _parser.parse(pattern)
    except (re.error, RecursionError):
        return ""
    for _, most, body in _find_repeats(parsed):
        for op, arguments in _walk(body):
            if op in _REPEATS:
                least_inside, most_inside, _ = arguments
                is_open = least_inside != most_inside
                if is_open and most > 1 and (most > MANY or most_inside > MANY):
                    return "a repetition stands inside a repetition; make the inner one possessive, as in (a++b)+"
            elif op is _constants.BRANCH and most > MANY:
                return "alternatives stand inside a repetition; make the group atomic, as in (?>a|b)+"
    return ""


def _find_repeats(parsed: Any) -> Iterator[tuple[int, int, Any]]:
    for op, arguments in _walk(parsed, is_deep=True):
        if op in _REPEATS or op is _constants.POSSESSIVE_REPEAT:
            yield arguments


def _walk(parsed: Any, *, is_deep: bool = False) -> Iterator[tuple[Any, Any]]:
    """Every operation, outer ones first; what is settled once matched is looked into only when deep."""
    for op, arguments in parsed:
        yield op, arguments
        if op in _SETTLED and not is_deep:
            continue
        for part in _parts(arguments):
            yield from _walk(part, is_deep=is_deep)


def _parts(arguments: Any) -> Iterator[Any]:
    if isinstance(arguments, _parser.SubPattern):
        yield arguments
    elif isinstance(arguments, (tuple, list)):
        for argument in arguments:
            yield from _parts(argument)
