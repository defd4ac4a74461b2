"""JSON is found in whatever a model wrote, and nothing makes the parser fail or linger."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.llm.parse import MAX_CANDIDATES, find_json
from tests.llm.data import FUZZ

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(), JSON_VALUES, min_size=1, max_size=4)
_SIGNS = ["{", "}", "[", "]", '"', "'", ",", ":", "\\", "//", "```json\n", "```", "<think>", "</think>", "\n", " ", "“"]
_BITS = [
    '{"number": 1}',
    '"answers"',
    "True",
    "null",
    "0",
    "Score: 2",
    "\ud800",
    "\x00",
    "1e999",
    "NaN",
    '{"a":1,"a":2}',
]
SCRAPS = st.lists(st.sampled_from([*_SIGNS, *_BITS]) | st.text(max_size=5), max_size=60).map("".join)
FLOODS = ["{", "[", '{"', "{'", "[,", "{a}", "{ [] ", '{"a":1,}', "<think>", "cialis 1 ", '"\\', "{\\"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', [{"a": 1}]),
        ('\ufeff \n{"a": 1}\n', [{"a": 1}]),
        ('```json\n{"a": 1}\n```', [{"a": 1}]),
        ('Here you are:\n```\n{"a": 1}\n```\nAnything else?', [{"a": 1}]),
        ('{"a": [1, 2,], "b": {"c": 3,},}', [{"a": [1, 2], "b": {"c": 3}}]),
        (
            "{'a': 'it\\'s', 'b': True, 'c': None, 'd': 'say \"hi\"'}",
            [{"a": "it's", "b": True, "c": None, "d": 'say "hi"'}],
        ),
        ("{“a”: “b”}", [{"a": "b"}]),
        ('{"a": "x, ] }", // why\n "b": "http://x"}', [{"a": "x, ] }", "b": "http://x"}]),
        ('{"a": "two\nlines"}', [{"a": "two\nlines"}]),
        ('<think>{"a": 1} or so</think>{"a": 2}', [{"a": 2}]),
        ('{"a": 1} or so</think>{"a": 2}', [{"a": 2}]),
        ('{"a": "<think>"}', [{"a": "<think>"}]),
        ('Well: {"a": "<think>"} {"b": "</think>"}', [{"a": "<think>"}, {"b": "</think>"}]),
        ('<think>perhaps {"a": 1}', []),
        ('<thinking>{ hm</thinking>\n{"a": 2}', [{"a": 2}]),
        ('first {"a": 1} then [{"b": 2}]', [{"a": 1}, [{"b": 2}]]),
        ('{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        ('{"answers": [{"a": 1}, {"a": 2}, {"a', [{"a": 1}, {"a": 2}]),
        ('{"a": 1, "a": 1}', [{"a": 1}]),
        ('{"a": 1, "a": 2}', []),
        ('{"a": NaN}', []),
        ("{} []", []),
        ("Score: 0", []),
        ("None", []),
        ("", []),
    ],
)
def test_what_is_found(text: str, found: list[Any]) -> None:
    assert find_json(text) == found


@FUZZ
@given(OBJECTS)
def test_json_is_found_as_it_is(value: dict[str, Any]) -> None:
    assert find_json(json.dumps(value)) == [value]
    assert find_json(f"Sure:\n```json\n{json.dumps(value, indent=2)}\n```\nDone.") == [value]


@FUZZ
@given(st.dictionaries(st.text(), st.text() | st.integers() | st.booleans() | st.none(), min_size=1, max_size=4))
def test_python_style_is_mended_or_left(value: dict[str, Any]) -> None:
    found = find_json(f"Answer: {value!r}")
    assert found == [value] or all(isinstance(one, (dict, list)) for one in found)


@FUZZ
@given(SCRAPS | st.text())
def test_no_text_is_too_odd(text: str) -> None:
    found = find_json(text)
    assert len(found) <= MAX_CANDIDATES
    assert all(isinstance(value, (dict, list)) and value for value in found)


@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("start", ["", '{"', "{ "])
def test_a_flood_takes_no_time(start: str, flood: str) -> None:
    begun = time.thread_time()
    find_json(start + flood * 90_000)
    assert time.thread_time() - begun < 1.0
