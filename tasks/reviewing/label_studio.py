"""Label Studio's side of the export: tasks to import, and the labeling configuration that shows them. Pure.

Texts go into the tasks as they are: Label Studio's Text and Header show them as text. Only the configuration is XML, and
whatever stands in it is escaped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TextIO
from xml.sax.saxutils import quoteattr

from tasks.contracts.catalog import Topic
from tasks.reviewing.annotations import ANSWER, NOTE
from tasks.reviewing.answers import answer_words, word_of
from tasks.reviewing.question import Opinion, ReviewQuestion

CONTROL = {"from_name": ANSWER, "to_name": "text", "type": "choices"}
QUESTIONS: Mapping[str, str] = {
    "topics": "Which topic is this mostly about?",
    "similar": "Are these two the same?",
    "judge": "How much would this person care for this item?",
    "enrich": "Is the description right, and does the text carry all it says?",
}
# Which texts a task shows below the item's own: the key in the task's data, and the heading above it.
BESIDE: Mapping[str, Mapping[str, str]] = {
    "topics": {},
    "similar": {"other_text": "The other"},
    "judge": {"profile": "The person"},
    "enrich": {"description": "The description"},
}


def write_tasks(questions: Iterable[ReviewQuestion], file: TextIO) -> int:
    """Write a JSON array of tasks, one line each; how many."""
    n_tasks = 0
    file.write("[")
    for question in questions:
        file.write(",\n" if n_tasks else "\n")
        json.dump(make_task(question), file, ensure_ascii=False)
        n_tasks += 1
    file.write("\n]\n")
    return n_tasks


def make_task(question: ReviewQuestion) -> dict[str, Any]:
    """One task of Label Studio's import format, with a prediction for each labeler."""
    data: dict[str, Any] = {
        "catalog": question.catalog,
        "task": question.task,
        "question_key": question.question_key,
        "item_id": question.item_id,
        "title": question.title,
        "text": question.text,
        "why": ", ".join(question.why),
        "confidence": question.confidence,
    }
    if question.task == "similar":
        data |= {"other_item_id": question.other_item_id, "other_title": question.other_title}
    data |= {name: getattr(question, name) for name in BESIDE[question.task]}
    # Who describes an item has given no verdict on the description.
    opinions = () if question.task == "enrich" else question.opinions
    return {"data": data, "predictions": [_predict(said) for said in opinions]}


def make_config(task: str, topics: Iterable[Topic]) -> str:
    """The labeling configuration of a task: its texts, one choice an answer, and room for a note.

    Raises ConfigError for a topic that is named like "none of these".
    """
    descriptions = {topic.name: topic.description for topic in topics}
    words = answer_words(task, tuple(descriptions))
    # Meanings stand above the choices: a choice has its word for a name, for that is what an annotation holds.
    told = ", ".join(f"{word}: {meaning}" for word, meaning in words.items() if meaning)
    lines = [
        _tag("Header", value=f"{QUESTIONS[task]} {told}"),
        _tag("Header", value="$title", size="5"),
        _tag("Text", name="text", value="$text", valueType="text"),
    ]
    for name, heading in BESIDE[task].items():
        lines.append(_tag("Header", value=heading, size="5"))
        if name == "other_text":
            lines.append(_tag("Header", value="$other_title", size="5"))
        lines.append(_tag("Text", name=name, value=f"${name}", valueType="text"))
    lines.append(f'<Choices name="{ANSWER}" toName="text" choice="single-radio" required="true">')
    for word, meaning in words.items():
        # Left alone, Label Studio numbers the choices from 1, so that the key 1 would give the grade 0.
        attributes = {"value": word, "hint": meaning or descriptions[word]} | (
            {"hotkey": word} if task == "judge" else {}
        )
        lines.append("  " + _tag("Choice", **attributes))
    lines.append("</Choices>")
    lines.append(_tag("TextArea", name=NOTE, toName="text", placeholder="A note, if you like", maxSubmissions="1"))
    body = "\n".join(f"  {line}" for line in lines)
    return f"<View>\n{body}\n</View>\n"


def _predict(said: Opinion) -> dict[str, Any]:
    return {
        "model_version": said.labeler,
        "score": said.confidence,
        "result": [{**CONTROL, "value": {"choices": [word_of(said.answer)]}}],
    }


def _tag(tag: str, /, **attributes: str) -> str:
    stated = "".join(f" {key}={quoteattr(_one_line(value))}" for key, value in attributes.items())
    return f"<{tag}{stated}/>"


def _one_line(text: str) -> str:
    """XML knows no control characters, and turns the line breaks of an attribute into spaces anyway."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
