"""The words that people write, and what they are stored as."""

from __future__ import annotations

import pytest

from tasks.contracts.errors import ConfigError
from tasks.reviewing.answers import AnswerError, answer_words, read_answer

TOPICS = ("sport", "Home & Garden", "food")


@pytest.mark.parametrize(
    ("task", "word", "stored"),
    [
        ("topics", "sport", "sport"),
        ("topics", " SPORT ", "sport"),
        ("topics", "home & garden", "Home & Garden"),
        ("topics", "None", None),
        ("similar", "TRUE", "true"),
        ("similar", "no", "false"),
        ("judge", "3", "3"),
        ("judge", "2.0", "2"),
        ("enrich", "false", "false"),
    ],
)
def test_word_is_read_as_spreadsheets_change_it(task: str, word: str, stored: str | None) -> None:
    assert read_answer(task, word, TOPICS) == stored


@pytest.mark.parametrize(
    ("task", "word", "message"),
    [
        ("topics", "sprot", "did you mean 'sport'"),
        ("topics", "xyz", "expected a topic of the taxonomy or none"),
        ("similar", "none", "expected true or false"),
        ("judge", "4", "expected 0, 1, 2 or 3"),
        ("judge", "2.5", "expected 0, 1, 2 or 3"),
        ("judge", "-1", "expected 0, 1, 2 or 3"),
    ],
)
def test_word_that_does_not_fit_says_what_would(task: str, word: str, message: str) -> None:
    with pytest.raises(AnswerError, match=message):
        read_answer(task, word, TOPICS)


def test_none_is_offered_for_topics_and_can_be_no_topic() -> None:
    assert list(answer_words("topics", TOPICS)) == [*TOPICS, "none"]
    with pytest.raises(ConfigError, match="rename the topic"):
        answer_words("topics", ("sport", "None"))
