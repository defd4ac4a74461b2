"""Values that fit a JSON schema: labels by shared words, numbers in their range, strings out of the question. Pure.

Bounds are read from the schema's keywords or, as ours leave them out, from the descriptions ("from 0 to 1").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

from tasks.llm.fake.draws import Draws
from tasks.llm.fake.word_match import find_words, index_labels, kinship, score_labels, stem_words

Schema = Mapping[str, Any]

MAX_LABELS = 3
N_STRINGS = 3
SUMMARY_CHARS = 160
SECOND_LABEL_SCORE = 0.7
_LISTED_RANGE = re.compile(r"\bfrom (\d+) to (\d+)|(\d+)(?:, \d+)* or (\d+)")


class Question:
    """The texts of one question and the draws that belong to it."""

    def __init__(self, texts: Sequence[str], draws: Draws) -> None:
        self.texts = texts
        self.draws = draws
        self._n_words_told = 0

    @cached_property
    def words(self) -> list[str]:
        """The words of the last text, which is what a question is about; begins at a drawn one."""
        words = find_words(self.texts[-1]) or ["nothing"]
        start = self.draws.below(len(words))
        return words[start:] + words[:start]

    @cached_property
    def stems(self) -> frozenset[str]:
        """The last text's words as they are compared."""
        return stem_words(self.words)

    @cached_property
    def kinship(self) -> float:
        """How much the first text and the last have in common, 0 to 1; 0 where there is one text only."""
        return kinship(stem_words(find_words(self.texts[0])), self.stems) if len(self.texts) > 1 else 0.0

    def next_word(self) -> str:
        """A word that was not told yet, as long as there are any."""
        self._n_words_told += 1
        return self.words[(self._n_words_told - 1) % len(self.words)]

    @property
    def n_words_left(self) -> int:
        """How many words were not told yet."""
        return max(0, len(self.words) - self._n_words_told)


class Writer:
    """Writes values for one schema under one set of instructions."""

    def __init__(self, schema: Schema, system: str, *, first_place_share: float = 0.0) -> None:
        self._definitions: Mapping[str, Any] = schema.get("$defs", {})
        self._system = system
        self._first_place_share = first_place_share

    def resolve(self, part: Schema) -> Schema:
        """The part itself, behind a reference or a choice of types the first that is not null."""
        while True:
            if "$ref" in part:
                part = self._definitions[part["$ref"].rpartition("/")[2]]
            elif "anyOf" in part:
                part = next(one for one in part["anyOf"] if one.get("type") != "null")
            else:
                return part

    def write(self, part: Schema, name: str, question: Question, *, rank: int = 0) -> Any:
        """A value for the property `name`; rank lowers the numbers of second and third choices."""
        part = self.resolve(part)
        if "enum" in part:
            return self._choose(part["enum"], question)[0]
        if "const" in part:
            return part["const"]
        kind = part.get("type", "object")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "null")
        match kind:
            case "object":
                return self._write_object(part, question, rank=rank)
            case "array" if name == "order":
                return _write_order(question, first_place_share=self._first_place_share)
            case "array":
                return self._write_array(part, name, question)
            case "string":
                return _write_string(part, name, question)
            case "integer":
                return _write_integer(part, question)
            case "number":
                return _write_number(part, name, question, rank=rank)
            case "boolean":
                return question.draws.share() < 0.5
        return None

    def _write_object(self, part: Schema, question: Question, *, rank: int) -> dict[str, Any]:
        properties = part.get("properties", {})
        value = {name: self.write(inner, name, question, rank=rank) for name, inner in properties.items()}
        if "probability" in value:
            # A verdict goes with its probability.
            verdict = next((name for name in value if isinstance(value[name], bool)), None)
            value |= {verdict: value["probability"] >= 0.5} if verdict else {}
        return value

    def _write_array(self, part: Schema, name: str, question: Question) -> list[Any]:
        items = self.resolve(part.get("items", {"type": "string"}))
        least, most = part.get("minItems", 1), part.get("maxItems", MAX_LABELS)
        if "enum" in items:
            return self._choose(items["enum"], question, least=least, most=most)
        for key, inner in items.get("properties", {}).items():
            enum = self.resolve(inner).get("enum")
            if enum:
                chosen = self._choose(enum, question, least=least, most=most)
                rows = [self.write(items, name, question, rank=rank) for rank in range(len(chosen))]
                return [{**row, key: label} for row, label in zip(rows, chosen, strict=True)]
        if (stated := _LISTED_RANGE.search(part.get("description", ""))) and stated.group(1):
            # "from 0 to 5 things": no word is told twice, so that what is avoided is nothing that is wanted.
            least, most = int(stated.group(1)), int(stated.group(2))
            length = max(least, min(N_STRINGS, most, question.n_words_left // 2))
            return [f"{question.next_word()} {question.next_word()}" for _ in range(length)]
        length = max(least, min(N_STRINGS, most))
        distinct = len(question.words) if items.get("type") == "string" else length
        return [self.write(items, name, question) for _ in range(min(length, max(distinct, least)))]

    def _choose(self, labels: Sequence[Any], question: Question, *, least: int = 1, most: int = 1) -> list[Any]:
        """Labels that share words with the question, best first; where none does, a drawn one."""
        drawn = question.draws.below(len(labels))
        index = index_labels(tuple(map(str, labels)), self._system)
        scores = score_labels(question.stems, index)
        ranked = sorted(scores, key=lambda position: (-scores[position], position)) or [drawn]
        near = [p for p in ranked if scores.get(p, 0.0) >= SECOND_LABEL_SCORE * scores.get(ranked[0], 0.0)]
        chosen = dict.fromkeys([*near[:most], *ranked[:least]])
        others = ((drawn + step) % len(labels) for step in range(len(labels)))
        for position in others:
            if len(chosen) >= min(least, len(labels)):
                break
            chosen[position] = None
        return [labels[position] for position in list(chosen)[: max(most, least)]]


def _write_order(question: Question, *, first_place_share: float) -> list[int]:
    """The numbers of the texts after the first, those with the most of its words first; ties by their words, not places."""
    wanted = stem_words(find_words(question.texts[0]))
    worth = [(-kinship(wanted, stem_words(find_words(text))), text) for text in question.texts[1:]]
    order = sorted(range(1, len(worth) + 1), key=lambda number: worth[number - 1])
    if question.draws.share() < first_place_share:
        order.sort(key=lambda number: number != 1)
    return order


def _write_string(part: Schema, name: str, question: Question) -> str:
    if name == "summary":
        line = question.texts[-1].strip().partition("\n")[0]
        head, _, rest = line.partition(": ")
        text = rest if rest and head.isalpha() else line
        return text[:SUMMARY_CHARS].strip() or "An item that says nothing."
    if "sentence" in part.get("description", ""):
        return f"It speaks of {question.next_word()} and {question.next_word()}."
    return question.next_word()


def _write_integer(part: Schema, question: Question) -> int:
    """Low more often than high, and higher where the texts are akin: most items are a 0 for most people."""
    low, high = _find_bounds(part.get("minimum"), part.get("maximum"), part.get("description", ""), 3)
    height = 0.6 * question.draws.share() ** 2 + 1.5 * question.kinship
    return int(low) + int((high - low + 1) * min(height, 0.999))


def _write_number(part: Schema, name: str, question: Question, *, rank: int) -> float:
    low, high = _find_bounds(part.get("minimum"), part.get("maximum"), part.get("description", ""), 1)
    drawn = question.draws.share()
    height = question.kinship + 0.1 * (drawn - 0.5) if name == "probability" else (0.5 + 0.49 * drawn) / 2**rank
    return round(low + (high - low) * min(max(height, 0.01), 0.99), 2)


@lru_cache(maxsize=256)
def _find_bounds(low: float | None, high: float | None, description: str, default: int) -> tuple[float, float]:
    told = _LISTED_RANGE.search(description)
    first, last = (told.group(1) or told.group(3), told.group(2) or told.group(4)) if told else (0, default)
    low = float(first) if low is None else low
    high = float(last) if high is None else high
    return low, max(low, high)
