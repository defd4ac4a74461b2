"""Cells of a spreadsheet: nothing in them runs, and nothing of them is lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.reviewing.formulas import defuse, restore

NASTY = st.text(alphabet="=+-@'; \t\r\n\u3000\u200b\ufeff＝＋－＠a1|!(", max_size=20)


@given(st.one_of(NASTY, st.text()))
def test_what_was_defused_comes_back_as_it_was(text: str) -> None:
    assert restore(defuse(text)) == text


@given(NASTY)
def test_no_cell_starts_a_formula_wherever_a_spreadsheet_cuts(text: str) -> None:
    for cell in re.split("[;\t\r\n]", defuse(text)):
        assert not re.match(r"[\s\u200b\ufeff]*[=+\-@＝＋－＠]", cell)


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\rcmd", "\ntext", "  =1", "\u00a0=1", "\u3000＝1", "\ufeff=1", "＋1", "－1", "＠x", "'=1"],
)  # fmt: skip
def test_dangerous_cell_is_defused(text: str) -> None:
    assert defuse(text)[:2] == f"'{text[0]}"


@pytest.mark.parametrize("text", ["", "plain", "1+1=2", "a-b", "me@example.org", "'quoted'", "5 - 3"])
def test_harmless_cell_stays(text: str) -> None:
    assert defuse(text) == text


def test_lines_and_semicolons_within_a_cell_are_defused_too() -> None:
    assert defuse("a list\n- one\n- two; =3") == "a list\n'- one\n'- two;' =3"


def test_long_runs_of_marks_take_no_long_time() -> None:
    text = "\x0c\x85\u2028 '" * 50_000
    assert restore(defuse(text)) == text
