"""Replies bent in every way: each is read as what it says or refused, in little time, and nothing else is ever raised."""

from __future__ import annotations

import json
import random
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.labelers.openai_schemas import JudgeReply, TopicsReply
from tasks.llm.errors import InvalidReplyError
from tasks.llm.structured import read_answers
from tests.llm.data import FUZZ
from tests.llm.test_parse import SCRAPS

MORE = settings(FUZZ, max_examples=400)
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]), max_size=20).map(
    lambda text: f"w {text}".strip()
)
GRADES = st.lists(
    st.fixed_dictionaries({"reason": WORDS, "relevance": st.integers(0, 3), "confidence": st.floats(0, 1)}),
    min_size=1,
    max_size=4,
)
PROSE = st.text("abc ,.:!?\n-*#`'é→", max_size=40)
SIGNS = [*"{}[]\"',:\\ \n0123-.eE“”‘’`<>/", "true", "null", "None", "NaN", "//", "```", "<think>", "</think>", "1e9"]
FLOODS = [
    "{",
    "[",
    '{"',
    "{'",
    '"',
    "'",
    "[{",
    '[{"number":1},',
    "{}",
    "[]",
    "<think>",
    "</think>",
    "\\",
    '{"a":',
    "“",
    ",",
]


def number(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with their numbers."""
    return [{"number": n, **row} for n, row in enumerate(rows, start=1)]


def read(text: str, n_questions: int) -> list[JudgeReply] | None:
    """The answers; None where the reply is refused."""
    try:
        return read_answers(text, JudgeReply, n_questions=n_questions)
    except InvalidReplyError:
        return None


def wrap(style: str, rows: list[dict[str, Any]], before: str, after: str) -> str:
    """A reply as models write it."""
    value = {"answers": rows}
    text = json.dumps(value, ensure_ascii=False)
    other = json.dumps({"answers": [{**row, "relevance": 3 - row["relevance"]} for row in rows]})
    return {
        "prose": f"{before}\n{text}\n{after}",
        "fence": f"{before}\n```json\n{json.dumps(value, indent=2)}\n```\n{after}",
        "thought": f"<think>{before} perhaps {other}?</think>{text}",
        "thought without beginning": f"{before} perhaps {other}?</think>\n{text}",
        "trailing commas": json.dumps(value, indent=1).replace("}\n ]", "},\n ],"),
        "Python": f"{before}\n{value!r}\n{after}",
        "bare list": f"{before}\n{json.dumps(rows)}\n{after}",
        "line by line": "\n".join(json.dumps(row) for row in rows),
        "by number": json.dumps({str(row["number"]): row for row in rows}),
        "twice": f"{text}\n{before}\n{text}",
        "shuffled": json.dumps({"answers": random.Random(len(text)).sample(rows, len(rows))}),
        "numbers as words": json.dumps(
            {"answers": [{**row, "number": str(row["number"]), "relevance": f"{row['relevance']}"} for row in rows]}
        ),
    }[style]


STYLES = ["prose", "fence", "thought", "thought without beginning", "trailing commas", "Python", "bare list"]
STYLES += ["line by line", "by number", "twice", "shuffled", "numbers as words"]


@pytest.mark.parametrize("style", STYLES)
def test_a_valid_reply_in_noise_is_read_as_itself_or_refused(style: str) -> None:
    n_read = 0

    @FUZZ
    @given(GRADES, PROSE, PROSE)
    def check(grades: list[dict[str, Any]], before: str, after: str) -> None:
        nonlocal n_read
        rows = number(grades)
        answers = read(wrap(style, rows, before, after), len(rows))
        assert answers is None or answers == [JudgeReply.model_validate(row) for row in rows]
        n_read += answers is not None

    check()
    assert n_read > 50


@MORE
@given(GRADES, SCRAPS, SCRAPS)
def test_a_valid_reply_between_scraps_of_json_is_read_as_itself_or_refused(
    grades: list[dict[str, Any]], before: str, after: str
) -> None:
    rows = number(grades)
    answers = read(f"{before}\n{json.dumps({'answers': rows})}\n{after}", len(rows))
    assert answers is None or answers == [JudgeReply.model_validate(row) for row in rows]


@MORE
@given(
    GRADES, st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(["", *SIGNS, "again"])), max_size=6)
)
def test_a_mutated_reply_is_refused_or_in_range_with_every_number_once(
    grades: list[dict[str, Any]], mutations: list[tuple[float, int, str]]
) -> None:
    text = json.dumps({"answers": number(grades)})
    for place, length, new in mutations:
        start = int(place * len(text))
        piece = text[start : start + length]
        text = text[:start] + (piece * 2 if new == "again" else new) + text[start + length * (new != "again") :]
    answers = read(text, len(grades))
    if answers is not None:
        assert [answer.number for answer in answers] == list(range(1, len(grades) + 1))
        assert all(0 <= answer.relevance <= 3 and 0 <= answer.confidence <= 1 and answer.reason for answer in answers)


@MORE
@given(st.text() | SCRAPS, st.integers(1, 3))
def test_any_text_is_read_or_refused_by_every_reply_model(text: str, n_questions: int) -> None:
    for model in (JudgeReply, TopicsReply):
        with suppress(InvalidReplyError):
            assert len(read_answers(text, model, n_questions=n_questions)) == n_questions


@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("start", ["", '{"answers": [', '{"answers": "'])
def test_a_hundred_kilobytes_of_nests_take_less_than_a_second(start: str, flood: str) -> None:
    text = (start + flood * 100_000)[:100_000]
    begun = time.thread_time()
    assert read(text, 5) is None
    assert time.thread_time() - begun < 1.0


def test_a_hundred_kilobytes_of_closed_nests_take_less_than_a_second() -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}"), ("[{'a':", "}]"), ('{"answers":[', "]}")):
        depth = 90_000 // (len(opening) + len(closing))
        begun = time.thread_time()
        assert read(opening * depth + "1" + closing * depth, 1) is None
        assert time.thread_time() - begun < 1.0
