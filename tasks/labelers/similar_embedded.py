"""Near-duplicates: the same story reported twice, the same product listed twice. Pure.

Three kinds of evidence, each a probability, and the strongest counts:

1. Title and text are the same, but for case and spacing: 1.
2. Verbatim overlap: the share of the shorter text's three-word shingles that the longer one has (containment, Broder 1997,
   who called documents roughly the same from one half on).
3. Meaning: a logistic regression on cosine, word overlap and contradicting numbers, fitted to 5,749 sentence pairs of the
   STS benchmark's training part, where people had scored 4 ("equivalent, but for details") or more of 5. It is not fitted
   to any catalog; `benchmarks/labelers_sts.py` fits it again and prints the numbers below.

Titles that both have numbers and share none ("part 1", "part 2") tell products and instalments apart: they halve 2 and 3.

Whether two belong to the same subject is read off their topics, where both are known; near-duplicates always do.
Time O(length of the texts).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from tasks.labelers.protocol import ItemText, PairQuestion, SimilarAnswer
from tasks.labelers.words import content_stems, numbers, split_words

INTERCEPT, COSINE_WEIGHT, OVERLAP_WEIGHT, NUMBERS_WEIGHT = -9.979, 11.249, 0.716, -3.994
"""Logistic regression on the STS benchmark's training part."""

SHINGLE_WORDS = 3
MIN_SHINGLES = 18
"""Texts of fewer than twenty words are too short for their overlap to mean copying; then only 1 and 3 count. On 1,500 pairs of the
STS benchmark's training part 5 shingles gave a Spearman correlation of .774, 12 gave .831 and 18 give .841 (cosine alone .827)."""

_MAX_CHARS = 10_000
_MAX_INEXACT = 0.99
_CACHED_TEXTS = 2048


@dataclass(frozen=True)
class Evidence:
    """What speaks for a near-duplicate, all in [0, 1]: Jaccard overlap of content words, numbers not shared (share of the
    smaller set, 0 when a side has none), containment of shingles, and whether the titles' numbers contradict each other.
    """

    overlap: float
    unshared_numbers: float
    containment: float
    is_contradicted: bool


@dataclass(frozen=True)
class _Parts:
    stems: frozenset[str]
    numbers: frozenset[str]
    shingles: frozenset[int]


def answer_similar(pairs: Sequence[PairQuestion]) -> list[SimilarAnswer]:
    """One answer a pair; `confidence` is the probability that the two are near-duplicates, similar from 0.5 on."""
    return [_answer_pair(pair) for pair in pairs]


def compare_texts(a: str, b: str) -> Evidence:
    """The evidence of two texts by themselves, without titles."""
    return _compare(_read_parts(a[:_MAX_CHARS]), _read_parts(b[:_MAX_CHARS]), is_contradicted=False)


def probability_of_meaning(cosine: float, evidence: Evidence) -> float:
    """The fitted logistic regression."""
    logit = (
        INTERCEPT
        + COSINE_WEIGHT * cosine
        + OVERLAP_WEIGHT * evidence.overlap
        + NUMBERS_WEIGHT * evidence.unshared_numbers
    )
    return 1 / (1 + math.exp(-logit))


def _answer_pair(pair: PairQuestion) -> SimilarAnswer:
    if _fold(pair.a) == _fold(pair.b):
        return SimilarAnswer(is_similar=True, confidence=1.0, reason="title and text are the same", is_same_topic=True)
    evidence = _compare(
        _read_parts(f"{pair.a.title}\n{pair.a.text}"[:_MAX_CHARS]),
        _read_parts(f"{pair.b.title}\n{pair.b.text}"[:_MAX_CHARS]),
        is_contradicted=_contradict(numbers(pair.a.title), numbers(pair.b.title)),
    )
    strongest = max(probability_of_meaning(pair.cosine, evidence), evidence.containment)
    probability = min(_MAX_INEXACT, strongest) * (0.5 if evidence.is_contradicted else 1.0)
    contradiction = "; the titles' numbers differ" if evidence.is_contradicted else ""
    return SimilarAnswer(
        is_similar=probability >= 0.5,
        confidence=round(probability, 4),
        reason=f"cosine {pair.cosine:.2f}, {evidence.containment:.0%} of the shorter text's word sequences and "
        f"{evidence.overlap:.0%} of the words in common{contradiction}",
        is_same_topic=True if probability >= 0.5 else _compare_topics(pair.a, pair.b),
    )


def _compare(a: _Parts, b: _Parts, *, is_contradicted: bool) -> Evidence:
    fewest_numbers = min(len(a.numbers), len(b.numbers))
    fewest_shingles = min(len(a.shingles), len(b.shingles))
    return Evidence(
        overlap=len(a.stems & b.stems) / max(1, len(a.stems | b.stems)),
        unshared_numbers=1 - len(a.numbers & b.numbers) / fewest_numbers if fewest_numbers else 0.0,
        containment=len(a.shingles & b.shingles) / fewest_shingles if fewest_shingles >= MIN_SHINGLES else 0.0,
        is_contradicted=is_contradicted,
    )


def _compare_topics(a: ItemText, b: ItemText) -> bool | None:
    """Whether both have the same primary topic; None where one of them has none that is known."""
    return a.topic == b.topic if a.topic and b.topic else None


def _contradict(a: frozenset[str], b: frozenset[str]) -> bool:
    return bool(a) and bool(b) and not a & b


@lru_cache(maxsize=_CACHED_TEXTS)
def _read_parts(text: str) -> _Parts:
    words = [word.lower() for word in split_words(text)]
    # Hashes of word tuples, which live only in this process: the sets are compared and never stored.
    shingles = frozenset(
        hash(tuple(words[start : start + SHINGLE_WORDS])) for start in range(len(words) - SHINGLE_WORDS + 1)
    )
    return _Parts(frozenset(content_stems(text)), numbers(text), shingles)


def _fold(item: ItemText) -> tuple[str, str]:
    return " ".join(item.title.split()).casefold(), " ".join(item.text.split()).casefold()
