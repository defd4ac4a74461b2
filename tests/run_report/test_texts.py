"""Texts from elsewhere: shortened, on one line, without addresses, and never markup of HTML, Plotly or a script element."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.run_report.texts import for_plotly, plain, plain_id, to_script_json


@given(st.text(max_size=300), st.integers(1, 80))
def test_plain_text_is_short_and_on_one_line(text: str, most: int) -> None:
    shown = plain(text, most=most)
    assert len(shown) <= most
    assert len(shown.splitlines()) <= 1
    assert not set(shown) & set("\u202e\u202a\u2066\u2069\u200f\u0000\u2028\u2029")


def test_long_text_ends_with_a_mark() -> None:
    assert plain("W" * 10_000, most=90) == "W" * 89 + "…"


@pytest.mark.parametrize("direction", ["\u202e", "\u2067", "\u200f"])
def test_mark_that_turns_the_direction_is_gone_and_letters_stay(direction: str) -> None:
    assert plain(f"invoice{direction}fdp.exe שלום") == "invoicefdp.exe שלום"


def test_addresses_and_names_are_taken_out() -> None:
    text = "Ann Lee reads sport; write to ann.lee@example.org or call +44 20 7946 0958"
    assert plain(text, names=["Ann Lee", ""]) == "[name] reads sport; write to [email] or call [phone]"


def test_id_keeps_its_digits_but_is_no_address() -> None:
    assert plain_id("20261121174634") == "20261121174634"
    assert plain_id("ann@example.org") == "[email]"


def test_nothing_is_an_empty_text() -> None:
    assert plain(None) == plain("") == plain_id(None) == ""


@given(st.text(max_size=100))
def test_plotly_sees_no_tag_and_no_entity_of_the_text(text: str) -> None:
    shown = for_plotly(text)
    assert "<" not in shown
    assert ">" not in shown
    assert shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text


@given(
    st.recursive(
        st.text() | st.none() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_script_json_reads_back_and_ends_no_script(value: object) -> None:
    text = to_script_json(value)
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == value


def test_script_json_refuses_what_browsers_cannot_read() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_script_json([float("nan")])
