"""Label Studio's exports, JSON and JSON-MIN, as its version 1.23 writes them; and large arrays read in pieces."""

from __future__ import annotations

import io
import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.contracts.errors import ConfigError
from tasks.reviewing.annotations import read_annotations
from tasks.reviewing.answers import Given, Refused, Row, Skipped
from tasks.reviewing.json_stream import read_array

DATA = {"catalog": "news", "task": "topics", "question_key": "k1", "item_id": "i1", "title": "T", "text": "words"}
TIMES = {"created_at": "2026-11-21T11:47:42.390193Z", "updated_at": "2026-11-21T11:50:00.000001Z"}
AT = datetime(2026, 11, 21, 11, 50, 0, 1)


def choice(*words: str) -> dict[str, Any]:
    return {"from_name": "answer", "to_name": "text", "type": "choices", "value": {"choices": list(words)}}


def note(text: str) -> dict[str, Any]:
    return {"from_name": "note", "to_name": "text", "type": "textarea", "value": {"text": [text]}}


def annotate(*results: dict[str, Any], who: Any = 1, cancelled: bool = False, **times: str) -> dict[str, Any]:
    return {"completed_by": who, "result": list(results), "was_cancelled": cancelled, **(times or TIMES)}


def read(*tasks: Any) -> list[Row]:
    return list(read_annotations(tasks))


def test_annotation_is_an_answer_at_the_time_it_was_last_changed() -> None:
    [row] = read({"id": 1, "data": DATA, "annotations": [annotate(choice("sport"), note("clearly"))]})
    assert row == Given(
        1, "topics", "sport", "news", "k1", "i1", reviewer="label-studio:1", note="clearly", reviewed_at=AT
    )


def test_the_same_annotation_in_both_forms_is_the_same_answer() -> None:
    full = {
        "id": 7,
        "data": DATA,
        "annotations": [annotate(choice("sport"), note("clearly"), who={"id": 3, "email": "a@b.c"})],
    }
    flat = {**DATA, "id": 7, "answer": "sport", "note": "clearly", "annotator": 3, "annotation_id": 9, **TIMES}
    assert read(full) == read(flat)


def test_several_annotators_are_several_answers() -> None:
    rows = read({"data": DATA, "annotations": [annotate(choice("sport"), who=1), annotate(choice("food"), who=2)]})
    assert [(row.reviewer, row.answer) for row in rows if isinstance(row, Given)] == [
        ("label-studio:1", "sport"),
        ("label-studio:2", "food"),
    ]


def test_what_was_cancelled_or_left_open_is_skipped() -> None:
    full = {"data": DATA, "annotations": [annotate(choice("sport"), cancelled=True), annotate(note("hm"))]}
    open_task = {"data": DATA, "annotations": []}
    flat = {**DATA, "id": 2, "annotator": None, "annotation_id": None, "created_at": None, "updated_at": None}
    reasons = [row.reason for row in read(full, open_task, flat) if isinstance(row, Skipped)]
    assert reasons == ["cancelled by the annotator", "no answer", "not annotated", "not annotated"]


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        ({"data": {"text": "x"}, "annotations": [annotate(choice("sport"))]}, "catalog is missing"),
        ({"data": DATA, "annotations": [annotate(choice("sport", "food"))]}, "several answers: sport, food"),
        ({**DATA, "answer": {"choices": ["sport", "food"]}, "annotator": 1, **TIMES}, "several answers"),
        ({"data": DATA, "annotations": [annotate(choice("sport"), updated_at="yesterday")]}, "time can't be read"),
        ({"data": DATA, "annotations": ["x"]}, "expected an object"),
        ("x", "expected an object"),
    ],
)
def test_what_is_no_answer_is_refused_with_its_reason(task: Any, problem: str) -> None:
    [row] = read(task)
    assert isinstance(row, Refused)
    assert problem in row.problem


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text()))), st.integers(1, 50))
def test_array_is_read_the_same_in_pieces_of_any_size(elements: list[dict[str, Any]], chunk: int) -> None:
    text = json.dumps(elements, ensure_ascii=False, indent=1)
    assert list(read_array(io.StringIO(text), chunk=chunk)) == elements


@pytest.mark.parametrize("text", ["", "{}", '[{"a": 1}', '[{"a": 1} {"b": 2}]', "[1]", '[{"a": ]', '[{"a": 1},'])
def test_what_is_no_array_of_objects_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match="export it from Label Studio again"):
        list(read_array(io.StringIO(text)))
