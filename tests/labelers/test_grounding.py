"""Grounding: what a text does not say is told, what it says in other words is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.grounding_cases import AUTHOR, FAITHFUL, TEXT, TITLE, UNFAITHFUL
from tasks.labelers.embedded import EmbeddedLabeler
from tasks.labelers.grounding import Claim, check_enrichment, find_ungrounded
from tasks.labelers.protocol import Enrichment, ItemText
from tasks.labelers.quantities import known_values, read_quantities
from tests.fake_embedder import HashingEmbedder

SOURCES = (TITLE, TEXT, AUTHOR)


def told(text: str, *sources: str, part: str = "summary", quote: str = "") -> list[str]:
    return find_ungrounded([Claim(part, text, quote)], sources or SOURCES)


@pytest.mark.parametrize("text", FAITHFUL)
def test_what_the_text_says_in_other_words_is_carried(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(("text", "wrong"), UNFAITHFUL)
def test_what_the_text_does_not_say_is_named(text: str, wrong: str) -> None:
    assert told(text) == [f"summary: {wrong!r} is not in the text"]


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("1,000", "1000"), ("1.000 Euro", "1,000 euros"), ("40%", "40 per cent"), ("three", "3"), ("3", "three"),
        ("1.5 million", "1,500,000"), ("1.5m", "1.5 million"), ("twenty-five", "25"), ("the 1990s", "the 90s"),
        ("3rd", "the third"), ("two hundred and fifty", "250"), ("12 April 2024", "2024-04-12"), ("5 million", "5m"),
    ],
)  # fmt: skip
def test_a_number_is_the_same_in_any_writing(claim: str, source: str) -> None:
    assert told(claim, source) == []


@pytest.mark.parametrize(
    ("claim", "source"), [("4.2 billion", "4.2 million"), ("9,000", "nine hundred"), ("15", "1.5"), ("2024", "2042")]
)
def test_numbers_that_look_alike_are_told_apart(claim: str, source: str) -> None:
    assert told(claim, source) != []


@pytest.mark.parametrize(
    ("quote", "is_there"),
    [
        ("“we would  RATHER be early”", True),
        ("After divers found … in eleven pillars", True),
        ("in eleven pillars … after divers found", False),
        ("We would rather be late than sorry", False),
    ],
)
def test_a_quotation_must_stand_in_the_text_to_the_letter(quote: str, is_there: bool) -> None:
    assert (told("early", part="aspect tone", quote=quote) == []) is is_there


def test_keywords_must_stand_in_the_item() -> None:
    assert told("ferry piers", part="keyword") == told("Europe", part="keyword") == []
    assert told("knee surgery", part="keyword") == ["keyword: 'knee surgery' is not in the text"]


def test_german_nouns_are_no_names_but_people_are() -> None:
    source = "Der Hafen wird geschlossen, und die Stadt baut eine neue Brücke mit dem Geld von Angela Weber."
    assert told("Die Gemeinde hat das Projekt mit Freude begonnen.", source) == []
    assert told("Das Geld ist von Peter Weber.", source) == ["summary: 'Peter Weber' is not in the text"]


def test_every_sentence_aspect_and_keyword_is_one_claim_and_told_once() -> None:
    enrichment = Enrichment(
        "The pier in Bremen closes in 2031. It is old.", ("piers",), "sober", "all", ("ferry", "zebra"), {"cost": "$4.2m"}, 0.9
    )  # fmt: skip
    checked = check_enrichment(enrichment, SOURCES, quotes={"cost": "The work is to cost $4.3m"})
    assert checked.n_claims == 5
    assert checked.ungrounded == (
        "summary: '2031', 'Bremen' are not in the text",
        "aspect cost: 'The work is to cost $4.3m' is not in the text",
        "keyword: 'zebra' is not in the text",
    )
    assert checked.summary == enrichment.summary


def test_the_embedded_labeler_extracts_and_so_is_always_grounded() -> None:
    [reply] = EmbeddedLabeler(HashingEmbedder(), aspects=("cost", "people")).enrich(
        [ItemText("k", TITLE, TEXT, AUTHOR)]
    )
    assert reply.answer is not None
    assert reply.answer.n_claims > 5
    assert reply.answer.ungrounded == ()


@given(st.text(max_size=200))
def test_a_text_carries_itself(text: str) -> None:
    assert find_ungrounded([Claim("summary", text)], [text]) == []
    assert all(quantity.values & known_values(text) for quantity in read_quantities(text))
