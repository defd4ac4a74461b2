"""Enrichment: all of it stands in the text, and sentences, names and phrases are cut where a reader would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.labelers.embedded import EmbeddedLabeler
from tasks.labelers.keyphrases import choose_keyphrases, extract_keyphrases
from tasks.labelers.names import extract_names
from tasks.labelers.protocol import Enrichment, ItemText
from tasks.labelers.sentences import split_sentences
from tasks.labelers.summaries import MAX_WORDS, summarise
from tests.fake_embedder import HashingEmbedder

TITLE = "Harbour board closes ferry pier"
TEXT = (
    "The harbour board voted on Tuesday to close the ferry pier after divers found cracks in eleven pillars. "
    'Mr Tomas Berg said the ferry pier could not wait for the spring: "We would rather be early than sorry." '
    "Boats of Northern Lines Ltd will leave from the fish market until a new ferry pier is built in Lindhaven. "
    "The board expects the work to cost $4.2m and to end in March 2027. "
    "Fish traders fear for their customers. It rained. "
    "A petition against the move had gathered nine hundred names by the evening, and the traders plan a march."
)
ITEM = ItemText("pier", TITLE, TEXT)


def enrich(item: ItemText, *, aspects: tuple[str, ...] = ()) -> Enrichment:
    answer = next(EmbeddedLabeler(HashingEmbedder(), aspects=aspects).enrich([item])).answer
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Mr. Smith paid $3.5m. He left.", ["Mr. Smith paid $3.5m.", "He left."]),
        ("They won the cup.Then it rained.", ["They won the cup.", "Then it rained."]),
        ("Prices rose 2.5%.Oil fell.", ["Prices rose 2.5%.", "Oil fell."]),
        ('"But take it as it comes." Claxton won.', ['"But take it as it comes."', "Claxton won."]),
        ("The U.S. Army met J. K. Rowling at 5 p.m. in Rome.", ["The U.S. Army met J. K. Rowling at 5 p.m. in Rome."]),
        ("No. 10 said no. Then it said yes.", ["No. 10 said no.", "Then it said yes."]),
        ("A title\nand its text", ["A title", "and its text"]),
        ("", []),
    ],
)
def test_sentences_end_where_they_should(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


@given(st.text(alphabet='aB .!?\n"1', max_size=80))
def test_splitting_loses_nothing_but_spaces(text: str) -> None:
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


def test_summary_quotes_central_sentences_in_their_order() -> None:
    summary = summarise(TITLE, TEXT)
    places = [TEXT.index(sentence) for sentence in split_sentences(summary.text)]
    assert places == sorted(places)
    assert "It rained." not in summary.text
    assert 0 < summary.coverage < 1


@given(st.lists(st.sampled_from([*TEXT.split(), "Ends."]), max_size=200))
def test_summary_is_never_longer_than_sixty_words(words: list[str]) -> None:
    assert len(summarise("A title", " ".join(words)).text.split()) <= MAX_WORDS


def test_short_text_is_its_own_summary() -> None:
    assert summarise("Tea", "Green tea from Assam. Loose leaves.").text == "Green tea from Assam. Loose leaves."
    assert summarise("Tea", "").text == "Tea"


def test_key_phrases_come_back_and_share_no_word() -> None:
    chosen = choose_keyphrases(extract_keyphrases(TITLE, TEXT), n=6)
    assert chosen[0].text.lower() == "ferry pier"
    roots = [root for phrase in chosen for root in phrase.stems]
    assert len(roots) == len(set(roots))


def test_names_are_told_by_what_surrounds_them() -> None:
    kinds = {name.text: name.kind for name in extract_names(TEXT)}
    assert kinds["Tomas Berg"] == "person"
    assert kinds["Northern Lines Ltd"] == "organisation"
    assert "Tuesday" not in kinds
    assert "Boats" not in kinds


def test_everything_extracted_stands_in_the_item() -> None:
    answer = enrich(ITEM, aspects=("people", "price", "time", "ferry"))
    whole = f"{TITLE}\n{TEXT}"
    assert all(phrase in whole for phrase in (*answer.themes, *answer.keywords))
    assert all(part in whole for said in answer.aspects.values() for part in said.split(", "))
    assert answer.aspects["price"] == "$4.2m"
    assert answer.aspects["time"] == "Tuesday, March 2027"
    assert "Tomas Berg" in answer.aspects["people"]


def test_aspect_of_which_the_text_says_nothing_is_left_out() -> None:
    assert "price" not in enrich(ItemText("k", "Fog", "It is foggy by the river."), aspects=("price",)).aspects


def test_item_like_no_described_mood_is_neutral() -> None:
    answer = enrich(ItemText("k", "Quartz", "Quartz zebra umbrella."))
    assert (answer.mood, answer.audience) == ("neutral", "general")


def test_text_without_letters_is_still_answered() -> None:
    answer = enrich(ItemText("k", "42", "… 1999 !!"))
    assert (answer.summary, answer.keywords, answer.themes) == ("… 1999 !!", (), ())


def test_answer_does_not_depend_on_its_neighbours() -> None:
    labeler = EmbeddedLabeler(HashingEmbedder(), aspects=("people", "ferry"))
    items = [ITEM, *[ItemText(f"i{n}", f"Ferry {n}", "The ferry left Lindhaven late.") for n in range(300)]]
    among_many = {reply.key: reply.answer for reply in labeler.enrich(items)}
    assert among_many["pier"] == enrich(ITEM, aspects=("people", "ferry"))
