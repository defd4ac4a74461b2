"""Times as sources write them, turned into UTC.

Understood: ISO 8601 (with Z, an offset, or a date alone), epochs in seconds, milliseconds or microseconds, YYYYMMDD,
"11/12/2019 2:14:46 PM" (MIND, month first) and "01-Jan-1995" (MovieLens). A time without an offset is taken as UTC.
What could be read in two ways ("03/04/2026") is not read at all.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

EXPECTED = "ISO 8601, or an epoch in seconds or milliseconds"

_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
# Below this number of seconds (March 1973) a number is more likely a year or a counter than an epoch.
_LEAST_EPOCH = 10**8
_EPOCH = re.compile(r"\d{9,16}(?:\.\d{1,9})?")
_COMPACT_DATE = re.compile(r"(?:19|20)\d{6}")
_AM_PM = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d{2})(?::(\d{2}))? ?([AaPp])[Mm]")
_DAY_MONTH = re.compile(r"(\d{1,2})-([A-Za-z]{3})-(\d{4})")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def parse_timestamp(value: object) -> datetime:
    """The time in UTC that a text, number, date or datetime states; raises ValueError for anything else.

    parse_timestamp("2026-02-03T10:00:00+02:00") == datetime(2026, 2, 3, 8, tzinfo=UTC)
    """
    try:
        if isinstance(value, datetime):
            return _in_utc(value)
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day, tzinfo=UTC)
        if isinstance(value, str):
            return _parse_text(" ".join(value.split()))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _parse_epoch(float(value))
    except OverflowError as error:
        raise ValueError(str(error)) from error
    raise ValueError(f"a {type(value).__name__} is no time")


def _parse_text(text: str) -> datetime:
    if _EPOCH.fullmatch(text):
        return _parse_epoch(float(text))
    if text.isdigit() and not _COMPACT_DATE.fullmatch(text):
        raise ValueError("too short for an epoch")
    if found := _AM_PM.fullmatch(text):
        return _parse_am_pm(*found.groups(default="0"))
    if found := _DAY_MONTH.fullmatch(text):
        day, month, year = found.groups()
        if month.lower() not in _MONTHS:
            raise ValueError(f"unknown month {month!r}")
        return datetime(int(year), _MONTHS.index(month.lower()) + 1, int(day), tzinfo=UTC)
    if text.endswith((" UTC", " GMT")):
        text = text[:-4] + "+00:00"
    return _in_utc(_parse_iso(text[:-1] + "Z" if text.endswith("z") else text))


def _parse_iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("not a timestamp" if "isoformat" in str(error) else str(error)) from error


def _parse_am_pm(month: str, day: str, year: str, hour: str, minute: str, second: str, half: str) -> datetime:
    if not 1 <= int(hour) <= 12:
        raise ValueError("hour must be in 1..12")
    hours = int(hour) % 12 + (12 if half in "pP" else 0)
    return datetime(int(year), int(month), int(day), hours, int(minute), int(second), tzinfo=UTC)


def _parse_epoch(number: float) -> datetime:
    size = abs(number)
    if not _LEAST_EPOCH <= size < 10**17:
        raise ValueError("out of range for an epoch")
    unit = 1.0 if size < 10**11 else 10.0**3 if size < 10**14 else 10.0**6
    return _EPOCH_START + timedelta(seconds=number / unit)


def _in_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
