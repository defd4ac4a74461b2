"""A reply counts when every asked number is answered exactly once, and not otherwise."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from tasks.llm.errors import InvalidReplyError
from tasks.llm.schema import Number, NumberedAnswer, Words, build_schema
from tasks.llm.structured import read_answers
from tests.llm.data import FUZZ
from tests.llm.test_parse import SCRAPS


class Grade(NumberedAnswer):
    """A grade."""

    grade: Annotated[Number, Field(ge=0, le=3, description="0 to 3")]
    reason: Annotated[Words, Field(description="why")]


def row(number: Any, grade: Any = 1, reason: Any = "so") -> dict[str, Any]:
    return {"number": number, "grade": grade, "reason": reason}


def read(value: Any, n_questions: int) -> list[int]:
    text = value if isinstance(value, str) else json.dumps(value)
    return [answer.grade for answer in read_answers(text, Grade, n_questions=n_questions)]


@pytest.mark.parametrize(
    "value",
    [
        {"answers": [row(1, 3), row(2, 0)]},
        {"answers": [row(2, 0), row(1, 3)]},
        {"results": [row(1, 3), row("2", "0")]},
        [row(1, 3), row(2, 0)],
        {"1": {"grade": 3, "reason": "so"}, "2": {"grade": 0, "reason": "so"}},
        {"answers": {"1": row(1, 3), "2": row(2, 0)}},
        f"{json.dumps(row(1, 3))}\n{json.dumps(row(2, 0))}",
        f"{json.dumps({'answers': [row(1, 3), row(2, 0)]})} I repeat: {json.dumps([row(1, 3), row(2, 0)])}",
    ],
)
def test_shapes_that_mean_the_same_are_taken_alike(value: Any) -> None:
    assert read(value, 2) == [3, 0]


@pytest.mark.parametrize(
    "value",
    [
        row(1, 2),
        [row(1, 2)],
        {"answers": row(1, 2)},
        {"grade": 2, "reason": "so"},
        {"answers": [{"grade": 2.0, "reason": "so"}]},
        {"answer": {"grade": 2, "reason": "so"}},
    ],
)
def test_one_question_takes_one_object(value: Any) -> None:
    assert read(value, 1) == [2]


@pytest.mark.parametrize(
    ("value", "n_questions", "message"),
    [
        ("", 1, "the reply is empty"),
        ("Score: 0", 1, "the reply holds no JSON"),
        ("[1, 2]", 1, "not of the form"),
        ({"answers": []}, 1, "not of the form"),
        ({"answers": [row(1)]}, 2, "no answer to question 2; answer every question"),
        ({"answers": [row(1), row(2), row(3)]}, 2, "number 3 was not asked; the questions are numbered 1 to 2"),
        ({"answers": [row(1), row(0)]}, 2, "number 0 was not asked"),
        ({"answers": [row(1), row(1, 2)]}, 2, "question 1 is answered twice"),
        ({"answers": [row(1), row(1), row(2)]}, 2, "question 1 is answered twice"),
        ({"answers": [{"grade": 1, "reason": "so"}, row(2)]}, 2, "number: Field required"),
        ({"answers": [row(1, 4)]}, 1, r"grade: Input should be less than or equal to 3 \(got 4\)"),
        ({"answers": [row(1, -1)]}, 1, "grade: Input should be greater than or equal to 0"),
        ({"answers": [row(1, True)]}, 1, "grade: Value error, true and false are no numbers"),
        ({"answers": [row(1, 1.5)]}, 1, "grade: Input should be a valid integer"),
        ({"answers": [row(1, None)]}, 1, "grade: Input should be a valid integer"),
        ({"answers": [row(1, 1, " \x00 ")]}, 1, "reason: Value should have at least 1 item"),
        ({"answers": [row(True)]}, 1, "number: Value error, true and false are no numbers"),
        (f"{json.dumps(row(1, 1))} or rather {json.dumps(row(1, 2))}", 1, "several different sets of answers"),
    ],
)
def test_what_is_wrong_is_said(value: Any, n_questions: int, message: str) -> None:
    with pytest.raises(InvalidReplyError, match=message):
        read(value, n_questions)


def test_a_long_wrong_value_is_not_repeated_at_length() -> None:
    with pytest.raises(InvalidReplyError) as caught:
        read({"answers": [row(1, "x" * 10_000)]}, 1)
    assert len(str(caught.value)) < 300


def test_words_lose_what_no_database_takes() -> None:
    [answer] = read_answers('{"number": 1, "grade": 1, "reason": "a\\u0000b\\ud800c\\n d"}', Grade, n_questions=1)
    assert answer.reason == "a b c d"


@FUZZ
@given(st.lists(st.integers(0, 3), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_answers_come_back_in_the_order_of_the_questions(grades: list[int], rng: Any) -> None:
    rows = [row(number, grade) for number, grade in enumerate(grades, start=1)]
    rng.shuffle(rows)
    assert read({"answers": rows}, len(grades)) == grades


@FUZZ
@given(SCRAPS, st.integers(1, 3))
def test_any_text_gives_all_answers_or_none(text: str, n_questions: int) -> None:
    answers: list[Grade] = []
    with suppress(InvalidReplyError):
        answers = read_answers(text, Grade, n_questions=n_questions)
    assert [answer.number for answer in answers] in ([], list(range(1, n_questions + 1)))
    assert all(0 <= answer.grade <= 3 for answer in answers)


def test_the_schema_is_what_strict_servers_want() -> None:
    schema = build_schema(Grade, {"reason": ["so", "so-so"]})
    rows = schema["properties"]["answers"]["items"]
    assert rows["required"] == ["number", "grade", "reason"]
    assert rows["additionalProperties"] is schema["additionalProperties"] is False
    assert rows["properties"]["reason"]["enum"] == ["so", "so-so"]
    assert rows["properties"]["grade"] == {"type": "integer", "description": "0 to 3"}
