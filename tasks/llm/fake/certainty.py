"""How sure the fake model is of the label that it gives, and what follows: another label now and then, and log-probabilities.

Each question has a certainty in [0.5, 1), drawn from its text. With a temperature of 0 the label that fits best is always
given; above, that label is given with just this probability and another one otherwise, by the request's seed. The tokens of
a label have the probability that it was given with, so that what they say can be held against how often it comes. Pure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.llm.fake.chat_request import ChatRequest
from tasks.llm.fake.draws import Draws
from tasks.llm.fake.values import Schema, Writer

LEAST_CERTAINTY = 0.5
MOST_TOKEN_BYTES = 4
GRADES = range(4)


@dataclass(frozen=True)
class Label:
    """The label of one row: its name, its value, and the probability that it was given with."""

    name: str
    value: Any
    share: float


def settle_label(
    row: dict[str, Any],
    answer: Schema,
    writer: Writer,
    *,
    request: ChatRequest,
    asked_by: Sequence[str],
    texts: Sequence[str],
) -> Label | None:
    """The label of a row, which is changed to another one where chance has it so; None for rows without a label."""
    found = _find_label(row, answer, writer)
    if found is None:
        return None
    holder, name, others = found
    certainty = LEAST_CERTAINTY + (1 - LEAST_CERTAINTY) * Draws(*asked_by, "certainty", *texts).share()
    draws = Draws(*asked_by, "sample", str(request.seed), str(request.temperature), *texts)
    if not request.temperature or not others or draws.share() < certainty:
        return Label(name, holder[name], certainty)
    holder[name] = others[draws.below(len(others))]
    if name in row and "probability" in row:
        row["probability"] = round(1 - row["probability"], 2)
    return Label(name, holder[name], (1 - certainty) / len(others))


def spell_tokens(text: str, labels: Sequence[Label]) -> dict[str, Any]:
    """The `logprobs` of a completion: pieces of one to four bytes, whatever they cut through."""
    data = text.encode("utf-8", "surrogatepass")
    spans = list(_find_spans(data, labels))
    draws = Draws("tokens", text)
    content, start = [], 0
    while start < len(data):
        end = min(start + 1 + draws.below(MOST_TOKEN_BYTES), len(data))
        # The first token of a label carries all of its uncertainty; what follows is forced by the schema.
        share = next((share for first, share in spans if start <= first < end), 1.0)
        piece = data[start:end]
        spelled = piece.decode("utf-8", "replace")
        content.append({"token": spelled, "logprob": math.log(share), "bytes": list(piece), "top_logprobs": []})
        start = end
    return {"content": content, "refusal": None}


def _find_label(row: dict[str, Any], answer: Schema, writer: Writer) -> tuple[dict[str, Any], str, list[Any]] | None:
    """What holds the label, its name, and the values that it does not have."""
    properties = {name: writer.resolve(part) for name, part in answer["properties"].items() if name != "number"}
    for name, part in properties.items():
        inner = writer.resolve(part.get("items", {})).get("properties", {})
        for key in inner:
            enum = writer.resolve(inner[key]).get("enum")
            if enum and "confidence" in inner and row[name]:
                given = [one[key] for one in row[name]]
                return row[name][0], key, [label for label in enum if label not in given]
        if "enum" in part:
            return row, name, [label for label in part["enum"] if label != row[name]]
        if part.get("type") == "boolean":
            return row, name, [not row[name]]
        if part.get("type") == "integer":
            return row, name, [grade for grade in GRADES if grade != row[name]]
    return None


def _find_spans(data: bytes, labels: Sequence[Label]) -> Iterator[tuple[int, float]]:
    """Where each label's value begins, quotation mark left out, with its probability; rows come in order."""
    place = 0
    for label in labels:
        written = f'"{label.name}": {json.dumps(label.value, ensure_ascii=False)}'.encode("utf-8", "surrogatepass")
        found = data.find(written, place)
        if found < 0:
            return
        place = found + len(written)
        first = found + len(f'"{label.name}": '.encode()) + isinstance(label.value, str)
        yield first, label.share
