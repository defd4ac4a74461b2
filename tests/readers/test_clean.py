"""Text is cleaned of markup and control characters, and prose survives."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.readers.clean import clean_line, clean_markup_line, clean_prose, has_control_characters


@pytest.mark.parametrize(
    "prose",
    [
        "a < b and c > d",
        "if x<y and z>w then",
        "I <3 this",
        "AT&T, R&D and Q&A",
        "see https://x.example/?a=1&copy=2&lt=3",
        "a <b and c> d",
        "5 > 3 & 2 < 4",
        "<unknown> is no tag of HTML",
        'he said "yes" / "no"',
        "one\ntwo\n\nthree",
    ],
)
def test_prose_that_only_resembles_markup_survives(prose: str) -> None:
    assert clean_prose(prose) == prose


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("<p>1 &lt; 2</p><p>AT&amp;T</p>", "1 < 2\n\nAT&T"),
        ("one<br/>two<BR>three", "one\ntwo\nthree"),
        ("<i>Vogue</i> is <A HREF='x'>here</A>", "Vogue is here"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
        ("x<script>var a = '<b>';</script>y<style>.a{}</style>z", "x y z"),
        ("x<!-- <b>note</b> -->y", "x y"),
        ('<input type="hidden" value="a > b" disabled>text', "text"),
        ("&lt;p&gt;escaped&lt;/p&gt;", "escaped"),
        ("caf&#233; &euro;5 &hellip; &#xA3;", "café €5 … £"),
        ("plugged<br >in &nbsp; now", "plugged\nin now"),
        ("a" + "\n" * 5 + "b", "a\n\nb"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
    ],
)
def test_markup_and_entities_become_text(raw: str, cleaned: str) -> None:
    assert clean_prose(raw) == cleaned


@pytest.mark.parametrize(
    "fragment", ['<span class="a-size-medium a-color-secondary"', ' Magazines" />', "<script", "<br><p>"]
)
def test_a_scraped_fragment_of_markup_leaves_nothing(fragment: str) -> None:
    assert clean_markup_line(fragment) == ""


def test_control_and_invisible_characters_are_removed_and_text_is_nfc() -> None:
    assert clean_line("\ufeffe\u0301\x00\x07 a\u200bb\u00adc\x9f") == "é abc"
    assert clean_line("half a pair \ud83d") == "half a pair \ufffd"
    assert clean_line("👩‍👩‍👧 می‌خواهم") == "👩‍👩‍👧 می‌خواهم"


def test_an_id_may_not_hold_control_characters() -> None:
    assert has_control_characters("a\x00b")
    assert has_control_characters("a\nb")
    assert not has_control_characters("sport/199 é")


@given(st.text(st.characters(exclude_characters="<&")))
def test_cleaning_text_without_markup_is_idempotent_and_loses_no_visible_character(text: str) -> None:
    cleaned = clean_prose(text)
    assert clean_prose(cleaned) == cleaned
    assert unicodedata.is_normalized("NFC", cleaned)
    before, after = unicodedata.normalize("NFD", text), unicodedata.normalize("NFD", cleaned)
    assert [c for c in after if c.isalnum()] == [c for c in before if c.isalnum()]


@given(st.text(alphabet="<>&;/!-=\"' abpscript\n", max_size=300))
def test_no_soup_of_markup_raises_or_leaves_white_space(soup: str) -> None:
    cleaned = clean_prose(soup)
    assert cleaned == cleaned.strip()
    assert "  " not in cleaned


@pytest.mark.parametrize(
    "hostile",
    [
        "<a " * 50_000,
        "<script>" * 20_000,
        '<a href="' * 20_000,
        "<!--" * 20_000,
        "&" * 200_000,
        '"' * 200_000,
        "<a " + '="' * 100_000 + "<",
        "<a" + " " * 200_000,
        "<a " + "b='c' " * 50_000,
        "<a " + "x" * 200_000,
    ],
    ids=lambda text: text[:8],
)
def test_hostile_markup_takes_linear_time(hostile: str) -> None:
    start = time.perf_counter()
    clean_prose(hostile)
    assert time.perf_counter() - start < 2
