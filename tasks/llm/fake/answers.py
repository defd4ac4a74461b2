"""A reply to any prompt that fits its JSON schema, made of the question's own words. Pure and repeatable.

An answer depends on the seed, the model, the instructions and the question (with what all questions share), and with a
temperature on the request's own seed; not on its number or its neighbours. So a question gets the same answer in whatever
company it is asked.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.llm.fake.certainty import Label, settle_label
from tasks.llm.fake.chat_request import ChatRequest
from tasks.llm.fake.draws import Draws
from tasks.llm.fake.values import Question, Schema, Writer

NO_SUCH_LABEL = "no such label"
OUT_OF_RANGE = 90


@dataclass(frozen=True)
class Written:
    """The text of a reply, and the labels in it with the probabilities that they were given with."""

    text: str
    labels: tuple[Label, ...] = ()


def write_reply(
    request: ChatRequest, *, seed: int, foreign: Collection[int] = (), first_place_share: float = 0.0
) -> Written:
    """A reply; questions whose positions are in `foreign` get a value that was not allowed.

    first_place_share is how often the first item of a list is put first, whatever it is.
    """
    asked_by = (str(seed), request.model, request.system)
    if request.schema is None:
        return Written(_write_freely(request, asked_by))
    writer = Writer(request.schema, request.system, first_place_share=first_place_share)
    name, answer = _find_answers(request.schema, writer)
    if answer is None:
        question = Question((request.user,), Draws(*asked_by, request.user))
        return Written(_dump(writer.write(request.schema, "", question)))
    rows, labels = [], []
    for position, texts in enumerate(request.questions):
        question = Question(texts, Draws(*asked_by, *texts))
        row = writer.write(answer, "", question)
        label = settle_label(row, answer, writer, request=request, asked_by=asked_by, texts=texts)
        labels += [label] if label else []
        if position in foreign:
            _make_foreign(row, answer, writer)
        rows.append({**row, "number": position + 1})
    return Written(_dump({name: rows}), tuple(labels))


def _find_answers(schema: Schema, writer: Writer) -> tuple[str, Schema | None]:
    """The property that holds one answer per question, and the schema of an answer."""
    properties = schema.get("properties", {})
    for name, part in properties.items():
        items = writer.resolve(part.get("items", {})) if isinstance(part, Mapping) else {}
        if len(properties) == 1 and "number" in items.get("properties", {}):
            return name, items
    return "", None


def _write_freely(request: ChatRequest, asked_by: tuple[str, ...]) -> str:
    question = Question((request.user,), Draws(*asked_by, request.user))
    text = f"You wrote of {question.next_word()} and {question.next_word()}."
    return text if request.format == "text" else _dump({"answer": text})


def _make_foreign(row: dict[str, Any], answer: Schema, writer: Writer) -> None:
    """Put one value into an answer that the schema forbids: a label where there are labels, else a number."""
    properties = {name: writer.resolve(part) for name, part in answer["properties"].items()}
    for name, part in properties.items():
        items = writer.resolve(part.get("items", {}))
        if "enum" in part:
            row[name] = NO_SUCH_LABEL
            return
        if "enum" in items:
            row[name] = [NO_SUCH_LABEL]
            return
        labels = [key for key, inner in items.get("properties", {}).items() if "enum" in writer.resolve(inner)]
        if labels and row[name]:
            row[name][0][labels[0]] = NO_SUCH_LABEL
            return
    numbers = [name for name, value in row.items() if type(value) in (int, float) and name != "number"]
    for name in numbers[:1]:
        row[name] += OUT_OF_RANGE
    if not numbers:
        row.pop(next(reversed(row)), None)


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
