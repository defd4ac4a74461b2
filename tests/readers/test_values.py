"""Values become what their column is, or say that they do not fit."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.readers.timestamps import parse_timestamp
from tasks.readers.values import to_id, to_integer, to_list, to_number, to_text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-02-03", datetime(2026, 2, 3, tzinfo=UTC)),
        ("2026-02-03T10:00:00Z", datetime(2026, 2, 3, 10, tzinfo=UTC)),
        ("2026-02-03T10:00:00+02:00", datetime(2026, 2, 3, 8, tzinfo=UTC)),
        (" 2026-02-03 10:00:00 UTC ", datetime(2026, 2, 3, 10, tzinfo=UTC)),
        ("2021-10-23 17:50:17.331255", datetime(2021, 10, 23, 17, 50, 17, 331255, tzinfo=UTC)),
        ("881250949", datetime(1997, 12, 4, 15, 55, 49, tzinfo=UTC)),
        (1472688000, datetime(2016, 9, 1, tzinfo=UTC)),
        ("1472688000000", datetime(2016, 9, 1, tzinfo=UTC)),
        (1472688000000.0, datetime(2016, 9, 1, tzinfo=UTC)),
        ("20260203", datetime(2026, 2, 3, tzinfo=UTC)),
        ("11/12/2019 2:14:46 PM", datetime(2019, 11, 12, 14, 14, 46, tzinfo=UTC)),
        ("11/12/2019 12:00:01 AM", datetime(2019, 11, 12, 0, 0, 1, tzinfo=UTC)),
        ("01-Jan-1995", datetime(1995, 1, 1, tzinfo=UTC)),
        (date(2026, 2, 3), datetime(2026, 2, 3, tzinfo=UTC)),
        (datetime(2026, 2, 3, 1, tzinfo=timezone(timedelta(hours=2))), datetime(2026, 2, 2, 23, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_utc(value: object, expected: datetime) -> None:
    assert parse_timestamp(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "31/02/2026", "03/04/2026", "the day before yesterday", "2026-02-30", "1995", 1995, 0, "10", True, "nan",
        float("inf"), 10**18, "13/40/2019 2:14:46 PM", "11/12/2019 14:14:46 PM", "01-Foo-1995", "31-Feb-1995", [],
        "0001-01-01T00:00:00+10:00", "2026-02-03T25:00:00Z",
    ],
)  # fmt: skip
def test_what_is_no_clear_time_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_timestamp(value)


@given(st.datetimes(timezones=st.timezones(), min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))
def test_iso_times_round_trip(time: datetime) -> None:
    assert parse_timestamp(time.isoformat()) == time.astimezone(UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("12.5", 12.5), ("$1,299.00", 1299.0), ("1e3", 1000.0), (" 7 ", 7.0), ("", None), (None, None),
     (float("nan"), None), (Decimal("1.5"), 1.5), ("€ 5", 5.0), ("12 EUR", 12.0), (".5", 0.5), ("-3", -3.0)],
)  # fmt: skip
def test_numbers_are_read(value: object, expected: float | None) -> None:
    assert to_number(value) == expected


@pytest.mark.parametrize(
    "value", ["12,99", "1,2,3", "twelve", "nan", "inf", "1e999", float("inf"), True, "5 - 7", "1_000"]
)
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="number"):
        to_number(value)


@pytest.mark.parametrize(
    ("value", "expected"), [("40", 40), ("40.0", 40), (40, 40), (40.0, 40), ("", None), ("-1", -1)]
)
def test_whole_numbers_are_read(value: object, expected: int | None) -> None:
    assert to_integer(value) == expected


@pytest.mark.parametrize("value", ["forty", "MCMXC", "4.5", 4.5, True, "9" * 19, "9" * 5000, "1e3", "٤٠"])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"whole number|64 bits"):
        to_integer(value)


def test_ids_of_a_float_column_are_whole_again() -> None:
    assert to_id(3.0) == "3"
    assert to_id(" a b ") == "a b"
    assert to_id(7) == "7"


def test_an_id_with_a_line_break_is_refused() -> None:
    with pytest.raises(ValueError, match="control characters"):
        to_id("a\nb")


def test_values_of_any_json_type_have_a_text() -> None:
    values = [None, True, 3.5, ["a", "b"], {"k": "é"}, "x"]
    assert [to_text(value) for value in values] == ["", "true", "3.5", "a\nb", '{"k": "é"}', "x"]


def test_lists_come_from_lists_and_from_text() -> None:
    assert to_list("a; b ;;c", separator=";") == ["a", "b", "c"]
    assert to_list(["a", "", " b  c "], separator=";") == ["a", "b c"]
    assert to_list(None, separator=";") == []
