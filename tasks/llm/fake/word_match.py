"""Which label fits a text best, by the words they share: crude, quick, and enough to look sensible. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

NAME_WEIGHT = 3.0
_READ_CHARS = 4000
# A word before a colon is the name of a field ("Title: ...").
_WORD = re.compile(r"[^\W\d_]{4,}\b(?!:)")
_SECTION = re.compile(r"^####? (.+)$", re.MULTILINE)
_COMMON_WORDS = (
    "about after also been before being best both could does each even every first from give good have here into "
    "item items just know last like made make many more most much must only other others over said same says should "
    "some such than that their them then there these they thing things this those through time under very want well "
    "were what when where which while whole will with work would year years your"
)
_COMMON = frozenset(_COMMON_WORDS.split())

Labels = tuple[str, ...]
LabelIndex = dict[str, tuple[tuple[int, float], ...]]


def find_words(text: str) -> list[str]:
    """The distinct words of a text that carry meaning, as spelled there, in their order."""
    found = dict.fromkeys(_WORD.findall(text[:_READ_CHARS]))
    return [word for word in found if word.lower() not in _COMMON]


def stem_words(words: Iterable[str]) -> frozenset[str]:
    """Words in the form in which they are compared: lower case, without a plural's s."""
    return frozenset(word.lower().removesuffix("s") for word in words)


@lru_cache(maxsize=64)
def index_labels(labels: Labels, system: str) -> LabelIndex:
    """Word to (position of a label, weight); a label is described by its name and its part of the instructions."""
    sections = _SECTION.split(system)
    described = dict(zip(sections[1::2], sections[2::2], strict=True))
    words_of = [stem_words(find_words(described.get(label, "").partition("\n## ")[0])) for label in labels]
    names = [stem_words(find_words(label)) for label in labels]
    n_labels_with = Counter(word for words in words_of for word in words)
    index: dict[str, list[tuple[int, float]]] = {}
    for position, (words, name) in enumerate(zip(words_of, names, strict=True)):
        for word in words | name:
            weight = 1.0 / max(n_labels_with[word], 1) + NAME_WEIGHT * (word in name)
            index.setdefault(word, []).append((position, weight))
    return {word: tuple(entries) for word, entries in index.items()}


def score_labels(words: Iterable[str], index: LabelIndex) -> dict[int, float]:
    """Positions of the labels that share a word with a text, with their weights summed."""
    scores: dict[int, float] = {}
    for word in words:
        for position, weight in index.get(word, ()):
            scores[position] = scores.get(position, 0.0) + weight
    return scores


def kinship(left: frozenset[str], right: frozenset[str]) -> float:
    """The share of the smaller text's words that the other has too, 0 to 1."""
    return len(left & right) / max(min(len(left), len(right)), 1)
