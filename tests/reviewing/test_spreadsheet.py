"""Files as spreadsheets save them: separators, blank rows, gold of its own columns."""

from __future__ import annotations

import io
from datetime import datetime

import pytest

from tasks.contracts.errors import ConfigError
from tasks.reviewing.answers import Given, Refused, Row, Skipped
from tasks.reviewing.question import ReviewQuestion
from tasks.reviewing.spreadsheet import read_spreadsheet, write_spreadsheet

OURS = "catalog,task,question_key,answer,note,reviewer,reviewed_at\n"


def read(text: str) -> list[Row]:
    return list(read_spreadsheet(io.StringIO(text, newline="")))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_any_countrys_separator_is_read(separator: str) -> None:
    [row] = read((OURS + "news,topics,k,sport,,ann,\n").replace(",", separator))
    assert row == Given(2, "topics", "sport", "news", "k", reviewer="ann")


def test_times_are_utc_and_rows_are_counted_as_they_are_shown() -> None:
    rows = read(
        OURS
        + 'news,topics,k,sport,"two\nlines",ann,2026-11-01T10:00:00+02:00\n,,,,,,\nnews,topics,k,,,,\nnews,topics,k,food,,,soon\n'
    )
    assert isinstance(rows[0], Given)
    assert (rows[0].note, rows[0].reviewed_at) == ("two\nlines", datetime(2026, 11, 1, 8))
    assert rows[1] == Skipped(4, "no answer")
    assert isinstance(rows[2], Refused)
    assert "reviewed_at 'soon' is no time" in rows[2].problem


@pytest.mark.parametrize(
    ("text", "row"),
    [
        (
            "item_id,topic,second_topic\na,sport,food\n",
            Given(2, "topics", "sport", item_id="a", note="second topic: food"),
        ),
        ("item_a,item_b\na,b\n", Given(2, "similar", "true", item_id="a", other_item_id="b")),
        ("item_a,item_b,answer\na,b,false\n", Given(2, "similar", "false", item_id="a", other_item_id="b")),
        ("user_id,item_id,grade\nu,a,3\n", Given(2, "judge", "3", item_id="a", user_id="u")),
        ("user_id,item_id,grade\nu,a,\n", Skipped(2, "no answer")),
    ],
)
def test_plain_gold_is_known_by_its_header(text: str, row: Row) -> None:
    assert read(text) == [row]


def test_row_with_too_many_cells_is_refused() -> None:
    [row] = read(OURS + "news,topics,k,sport,,ann,,more\n")
    assert row == Refused(2, "8 cells under a header of 7")


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n"])
def test_other_columns_are_an_error_that_names_those_expected(text: str) -> None:
    with pytest.raises(ConfigError, match="item_id,topic"):
        read(text)


def test_keys_and_texts_come_back_though_they_look_like_formulas() -> None:
    file = io.StringIO(newline="")
    question = ReviewQuestion("news", "topics", "=k", "-5", "+title", "@text\n=1", ("audit",))
    assert write_spreadsheet([question], file, task="topics") == 1
    assert "'=k" in file.getvalue()
    file.seek(0)
    [row] = read(file.getvalue().replace(",,,\r\n", ",'-sport,,\r\n"))
    assert (row.question_key, row.item_id, row.answer) == ("=k", "-5", "-sport")  # type: ignore[union-attr]
