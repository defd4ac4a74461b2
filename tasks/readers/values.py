"""One value of a source as the type that its column has; raises ValueError where it does not fit.

Empty text, None and NaN are "no value": None for typed columns, "" for text, [] for lists.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tasks.contracts.catalog import ColumnType
from tasks.readers.clean import clean_line, clean_markup_line, clean_prose, has_control_characters
from tasks.readers.schema import FieldKind
from tasks.readers.timestamps import EXPECTED, parse_timestamp

Convert = Callable[[Any], Any]

_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\d{1,3}(?:,\d{3})+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?", re.ASCII)
_INTEGER = re.compile(r"[-+]?\d{1,19}(?:\.0*)?", re.ASCII)
_CURRENCY = re.compile(r"(?:USD|EUR|GBP|JPY|CHF|[$€£¥₹])", re.ASCII)


def is_empty(value: object) -> bool:
    """Whether a value states nothing: None, NaN, blank text, an empty list."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    return (isinstance(value, float) and math.isnan(value)) or (isinstance(value, list | tuple | dict) and not value)


def to_text(value: object) -> str:
    """A value as text; 3.0 becomes "3", since a column of ids with gaps turns into floats in many tools."""
    if isinstance(value, str):
        return value
    if is_empty(value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return "\n".join(to_text(part) for part in value)
    if isinstance(value, bytes):
        return value.decode("utf-8")
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict) else str(value)


def to_id(value: object) -> str:
    """An id: text without outer white space; ids are never rewritten, so control characters make it unfit."""
    text = to_text(value).strip()
    if has_control_characters(text):
        raise ValueError("an id can't hold control characters or line breaks")
    return text


def to_integer(value: object) -> int | None:
    """A whole number that fits 64 bits."""
    if is_empty(value):
        return None
    if isinstance(value, bool) or not _INTEGER.fullmatch(to_text(value).strip()):
        raise ValueError("not a whole number")
    number = int(to_text(value).strip().partition(".")[0])
    if not -(2**63) <= number < 2**63:
        raise ValueError("does not fit 64 bits")
    return number


def to_number(value: object) -> float | None:
    """A finite number; a currency sign and commas between thousands may stand in it ("$1,299.00")."""
    if is_empty(value):
        return None
    if isinstance(value, bool):
        raise ValueError("not a number")
    if isinstance(value, int | float | Decimal):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    else:
        text = _CURRENCY.sub("", to_text(value), count=1).strip()
        if not _NUMBER.fullmatch(text):
            raise ValueError("not a number")
        number = float(text.replace(",", ""))
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def to_timestamp(value: object) -> datetime | None:
    """A time in UTC."""
    return None if is_empty(value) else parse_timestamp(value)


def to_list(value: object, *, separator: str) -> list[str]:
    """A list of tidy texts, from a list or from text with a separator; empty parts are left out."""
    if is_empty(value):
        return []
    parts = value if isinstance(value, list | tuple) else to_text(value).split(separator)
    return [line for part in parts if (line := clean_line(to_text(part)))]


_BY_KIND: Mapping[FieldKind, Convert] = {
    "id": to_id,
    "line": lambda value: clean_line(to_text(value)),
    "markup-line": lambda value: clean_markup_line(to_text(value)),
    "prose": lambda value: clean_prose(to_text(value)),
    "integer": to_integer,
    "number": to_number,
    "timestamp": to_timestamp,
}
_NOUNS: Mapping[str, str] = {
    "id": "an id",
    "integer": "a whole number",
    "number": "a number",
    "timestamp": "a timestamp",
    "list": "a list",
}


def converter_of(kind: FieldKind | ColumnType, *, list_separator: str) -> Convert:
    """The function that turns a raw value into a column of this kind."""
    if kind == "list":
        return lambda value: to_list(value, separator=list_separator)
    return to_text if kind == "text" else _BY_KIND[kind]


def describe_kind(kind: FieldKind | ColumnType) -> tuple[str, str]:
    """What a kind is called in an error, and what would have fitted (may be empty)."""
    return _NOUNS.get(kind, "text"), EXPECTED if kind == "timestamp" else ""
