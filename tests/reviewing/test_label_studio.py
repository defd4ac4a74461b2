"""What Label Studio is given: tasks with predictions, and a configuration that is well-formed whatever topics are called."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from tasks.contracts.catalog import Topic
from tasks.reviewing.label_studio import make_config, make_task
from tasks.reviewing.question import Opinion, ReviewQuestion, read_question

TOPICS = [
    Topic(name='R&D <"new">', description="What's > 1\nand\x07 loud."),
    Topic(name="sport", description="Matches."),
]
ROW = {
    "catalog": "news", "task": "judge", "question_key": "p|c", "why": ["audit"], "item_id": "i1", "title": "T", "text": "x" * 60,
    "other_item_id": None, "other_title": None, "other_text": None, "job": "cook", "skills": [], "hobbies": ["tea"],
    "interests": ["bread", "jam"], "summary": "Writes to ann@example.org.", "description": None, "keywords": None,
    "confidence": 0.5, "labels": [{"labeler": "m", "answer": "2", "confidence": 0.5}],
}  # fmt: skip


def choices(config: str) -> list[str]:
    return [choice.attrib["value"] for choice in ET.fromstring(config).iter("Choice")]


def test_topics_are_choices_beside_none_of_these() -> None:
    config = make_config("topics", TOPICS)
    assert choices(config) == ['R&D <"new">', "sport", "none"]
    assert "&amp;" in config
    assert "\x07" not in config


@pytest.mark.parametrize(
    ("task", "answers", "shown"),
    [
        ("similar", ["true", "false"], {"$title", "$text", "$other_title", "$other_text"}),
        ("judge", ["0", "1", "2", "3"], {"$title", "$text", "$profile"}),
        ("enrich", ["true", "false"], {"$title", "$text", "$description"}),
    ],
)
def test_configuration_shows_what_its_tasks_hold(task: str, answers: list[str], shown: set[str]) -> None:
    config = make_config(task, TOPICS)
    assert choices(config) == answers
    values = {tag.attrib.get("value", "") for tag in ET.fromstring(config).iter()}
    assert {value for value in values if value.startswith("$")} == shown
    question = ReviewQuestion("news", task, "k", "i1", "T", "text", ("audit",))
    assert {value.removeprefix("$") for value in shown} <= set(make_task(question)["data"])


def test_the_key_of_a_grade_is_the_grade() -> None:
    keys = {
        choice.attrib["value"]: choice.attrib["hotkey"]
        for choice in ET.fromstring(make_config("judge", [])).iter("Choice")
    }
    assert keys == {grade: grade for grade in "0123"}


def test_each_labeler_is_a_prediction() -> None:
    question = ReviewQuestion(
        "news",
        "topics",
        "k",
        "i1",
        "T",
        "text",
        ("audit",),
        opinions=(Opinion("a", "sport", 0.8), Opinion("b", None, 0.1)),
    )
    predictions = make_task(question)["predictions"]
    assert [(one["model_version"], one["score"], one["result"][0]["value"]["choices"]) for one in predictions] == [
        ("a", 0.8, ["sport"]),
        ("b", 0.1, ["none"]),
    ]


def test_person_is_shown_by_what_they_like_cut_and_redacted() -> None:
    question = read_question(ROW, max_chars=50, redact=lambda text: text.replace("ann@example.org", "[email]"))
    assert question.profile.startswith("Writes to [email].\nJob: cook\nInterests:")
    assert question.text == "x" * 50 + " […]"
