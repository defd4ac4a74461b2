"""The words for answers in files, what they are stored as, and whether one fits its question. Pure.

topics    a topic of the taxonomy, or "none" (stored as null): none of these
similar   "true" or "false": the same story or product
judge     "0" to "3"
enrich    "true" or "false": the description is right
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tasks.contracts.errors import ConfigError

NONE = "none"
TASKS = ("topics", "similar", "judge", "enrich")
GRADES = {"0": "would not care", "1": "might glance", "2": "would read", "3": "would be delighted"}
_YES = {"true": "true", "yes": "true", "false": "false", "no": "false"}


class AnswerError(ValueError):
    """An answer that does not fit its question; the message says what would."""


@dataclass(frozen=True)
class Given:
    """One answer as it stands in a file; place is its row. Without question_key the items and the user name the question.

    reviewer is empty where the file names none, reviewed_at (UTC, without zone) None where it states no time.
    """

    place: int
    task: str
    answer: str
    catalog: str = ""
    question_key: str = ""
    item_id: str = ""
    other_item_id: str = ""
    user_id: str = ""
    reviewer: str = ""
    note: str = ""
    reviewed_at: datetime | None = None


@dataclass(frozen=True)
class Skipped:
    """A row that holds no answer, and why that is in order."""

    place: int
    reason: str


@dataclass(frozen=True)
class Refused:
    """A row that can't be read as an answer, and why."""

    place: int
    problem: str


Row = Given | Skipped | Refused


def answer_words(task: str, topics: Sequence[str]) -> dict[str, str]:
    """The words that people choose from, with what each means, in the order in which they are shown."""
    if task == "topics":
        check_taxonomy(topics)
        return {**dict.fromkeys(topics, ""), NONE: "none of these"}
    if task == "judge":
        return dict(GRADES)
    if task == "similar":
        return {"true": "the same story or product", "false": "not the same"}
    return {"true": "the description is right", "false": "the description is wrong"}


def check_taxonomy(topics: Sequence[str]) -> None:
    """Raise ConfigError where a topic bears the name that stands for "none of these"."""
    taken = [topic for topic in topics if topic.strip().casefold() == NONE]
    if taken:
        raise ConfigError(f"topic {taken[0]!r} can't be told from {NONE!r}, none of these; rename the topic")


def read_answer(task: str, word: str, topics: Sequence[str]) -> str | None:
    """What an answer is stored as; capitals and spaces around it don't matter, as spreadsheets change them.

    Raises AnswerError that says what was expected.

    >>> read_answer("similar", " TRUE ", [])
    'true'
    """
    text = word.strip()
    if task == "topics":
        return _read_topic(text, topics)
    if task == "judge":
        grade = text.removesuffix(".0")
        if grade not in GRADES:
            raise AnswerError(f"grade {text!r}; expected 0, 1, 2 or 3")
        return grade
    if text.casefold() not in _YES:
        raise AnswerError(f"answer {text!r}; expected true or false")
    return _YES[text.casefold()]


def word_of(answer: str | None) -> str:
    """The word that stands for a stored answer in files."""
    return NONE if answer is None else answer


def _read_topic(text: str, topics: Sequence[str]) -> str | None:
    if text in topics:
        return text
    if text.casefold() == NONE:
        return None
    alike: Mapping[str, str] = {topic.casefold(): topic for topic in topics}
    if text.casefold() in alike:
        return alike[text.casefold()]
    near = difflib.get_close_matches(text, topics, n=1)
    mend = f"did you mean {near[0]!r}?" if near else f"expected a topic of the taxonomy or {NONE}"
    raise AnswerError(f"unknown topic {text!r}; {mend}")
