"""Near-duplicates: copies, extracts, reports of one event; and what must not be taken for one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tasks.labelers.protocol import ItemText, PairQuestion, SimilarAnswer
from tasks.labelers.similar_embedded import answer_similar, compare_texts, probability_of_meaning

STORY = (
    "The harbour board voted on Tuesday to close the old ferry pier after divers found cracks in eleven of its pillars. "
    "Boats will leave from the fish market until a new pier is built, which the board expects to cost 4.2 million."
)


def ask(a: ItemText, b: ItemText, cosine: float) -> SimilarAnswer:
    return answer_similar([PairQuestion(a, b, cosine)])[0]


def test_same_text_but_for_case_and_spacing_is_certain() -> None:
    answer = ask(ItemText("a", "Pier  closed", STORY), ItemText("b", "pier closed", f" {STORY}\n"), 0.4)
    assert (answer.is_similar, answer.confidence) == (True, 1.0)


def test_extract_of_a_story_is_a_duplicate_whatever_the_cosine() -> None:
    answer = ask(ItemText("a", "Pier closed", STORY), ItemText("b", "", STORY.split(". ")[0]), 0.6)
    assert answer.is_similar
    assert 0.9 < answer.confidence < 1


def test_same_subject_is_not_the_same_story() -> None:
    other = "Ferry passengers complained of long queues as the summer timetable began with two boats out of service."
    answer = ask(ItemText("a", "Pier closed", STORY), ItemText("b", "Ferry queues", other), 0.76)
    assert not answer.is_similar
    assert "cosine 0.76" in answer.reason


def test_numbers_in_titles_tell_instalments_apart() -> None:
    a, b = ItemText("a", "Camera Mark 3", STORY), ItemText("b", "Camera Mark 4", STORY)
    answer = ask(a, b, 0.99)
    assert not answer.is_similar
    assert "the titles' numbers differ" in answer.reason


def test_very_short_texts_are_judged_by_meaning_alone() -> None:
    assert compare_texts("red shoes for men", "red shoes for men and boys").containment == 0.0


def test_contradicting_numbers_lower_the_probability() -> None:
    same = compare_texts("Shares rise 3 per cent", "Shares up 3 per cent")
    other = compare_texts("Shares rise 3 per cent", "Shares up 8 per cent")
    assert probability_of_meaning(0.9, same) > probability_of_meaning(0.9, other) + 0.3


def test_higher_cosine_is_never_less_similar() -> None:
    evidence = compare_texts(STORY, STORY[:80])
    probabilities = [probability_of_meaning(cosine / 20, evidence) for cosine in range(21)]
    assert probabilities == sorted(probabilities)


@pytest.mark.parametrize(
    ("topics", "expected"),
    [(("sport", "sport"), True), (("sport", "tech"), False), (("sport", ""), None), (("", ""), None)],
)
def test_pairs_of_one_topic_belong_together_where_both_topics_are_known(
    topics: tuple[str, str], expected: bool | None
) -> None:
    a, b = ItemText("a", "Pier closed", STORY), ItemText("b", "Queues", "Passengers complained of two boats in spring.")
    answer = ask(replace(a, topic=topics[0]), replace(b, topic=topics[1]), 0.76)
    assert (answer.is_similar, answer.is_same_topic) == (False, expected)
    assert ask(a, b, 0.76) == replace(answer, is_same_topic=None)


def test_near_duplicates_belong_together_whatever_their_topics() -> None:
    a, b = ItemText("a", "Pier closed", STORY, topic="sport"), ItemText("b", "", STORY.split(". ")[0], topic="tech")
    assert ask(a, b, 0.6).is_same_topic
    assert ask(a, replace(a, key="b", topic="tech"), 0.6).is_same_topic
