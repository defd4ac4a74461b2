"""Probabilities of labels: tokens and values laid side by side, wherever either is cut."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.llm.logprobs import keep_values, measure_values, read_tokens, stored_values
from tasks.llm.types import Token

TEXT = '{"answers": [{"number": 2, "reason": "\\"topic\\": \\"no\\"", "topics": [{"topic": "Café", "confidence": 0.9}, {"topic": "Tech"}]}, {"number": 1, "topics": []}]}'


def cut(text: str, *sizes: int) -> list[Token]:
    """Tokens of these many bytes, over and over, each with a probability of one half."""
    data, tokens, place = text.encode(), [], 0
    while place < len(data):
        size = sizes[len(tokens) % len(sizes)]
        tokens.append(Token(data[place : place + size], math.log(0.5)))
        place += size
    return tokens


def test_values_are_found_by_question_at_any_depth_and_not_in_other_strings() -> None:
    found = measure_values(TEXT, cut(TEXT, 1000), name="topic", n_questions=2)
    assert {number: [value for value, _ in values] for number, values in found.items()} == {2: ["Café", "Tech"], 1: []}


def test_a_value_has_the_probability_of_all_tokens_that_touch_it() -> None:
    text = '{"number": 1, "topic": "Café"}'
    # One byte a token: C, a, f and the two halves of é.
    [(_, share)] = measure_values(text, cut(text, 1), name="topic", n_questions=1)[1]
    assert share == pytest.approx(0.5**5)
    tokens = [Token(b'{"number": 1, "topic": "Ca', -0.1), Token(b"f\xc3", -0.2), Token(b'\xa9"}', -0.3)]
    [(_, share)] = measure_values(text, tokens, name="topic", n_questions=1)[1]
    assert share == pytest.approx(math.exp(-0.6))


@given(st.lists(st.integers(1, 7), min_size=1, max_size=5), st.text(max_size=4), st.text(max_size=4))
def test_wherever_tokens_are_cut_the_values_are_the_same(sizes: list[int], before: str, after: str) -> None:
    tokens = [
        Token(before.encode("utf-8", "replace"), 0.0),
        *cut(TEXT, *sizes),
        Token(after.encode("utf-8", "replace"), 0.0),
    ]
    found = measure_values(TEXT, tokens, name="topic", n_questions=2)
    assert [value for value, _ in found[2]] == ["Café", "Tech"]
    assert all(0 < share <= 1 for _, share in found[2])


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ('```json\n{"answers": [{"number": 1, "relevance": 3}]}\n```', "relevance", {1: ["3"]}),
        ('[{"is_similar": true, "number": "1"}]', "is_similar", {1: ["true"]}),
        ('{"relevance": "2", "reason": "a"}', "relevance", {1: ["2"]}),
        ('{"answers": [{"number": 1, "relevance": 3}, {"number": 1, "relevance": 2}]}', "relevance", {}),
        ('{"answers": [{"number": 1]}', "relevance", {}),
        ("no JSON", "relevance", {}),
    ],
)
def test_forms_of_a_reply(text: str, name: str, expected: dict[int, list[str]]) -> None:
    found = measure_values(text, cut(text, 3), name=name, n_questions=1)
    assert {number: [value for value, _ in values] for number, values in found.items()} == expected


def test_tokens_of_another_text_measure_nothing() -> None:
    assert measure_values(TEXT, cut("something else", 3), name="topic", n_questions=2) == {}
    assert measure_values(TEXT, [], name="topic", n_questions=2) == {}


@pytest.mark.parametrize(
    "logprobs",
    [
        None,
        {},
        {"content": None},
        {"content": ["x"]},
        {"content": [{"token": 1, "logprob": 0}]},
        {"content": [{"token": "a"}]},
    ],
)
def test_logprobs_that_cannot_be_read_are_none(logprobs: Any) -> None:
    assert read_tokens({"logprobs": logprobs}) == ()


def test_bytes_count_before_the_tokens_text() -> None:
    rows = [{"token": "�", "logprob": -0.5, "bytes": [0xC3]}, {"token": "x", "logprob": 0.1, "bytes": None}]
    assert read_tokens({"logprobs": {"content": rows}}) == (Token(b"\xc3", -0.5), Token(b"x", 0.0))


def test_what_was_measured_is_kept_beside_the_answer() -> None:
    kept = json.dumps(keep_values({"number": 1}, (("Café", 0.25),)))
    assert stored_values(kept) == (("Café", 0.25),)
    assert stored_values(json.dumps(keep_values({"number": 1}, ()))) == ()
    assert stored_values(json.dumps(keep_values({"number": 1}, None))) is None
    assert stored_values("no JSON") is None
