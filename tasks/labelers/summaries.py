"""An extractive summary: one to three sentences of the text that are most like the rest of it. Pure.

Sentences vote for those whose words they share, by PageRank with a bias towards the opening (LexRank, Erkan & Radev 2004;
TextRank, Mihalcea & Tarau 2004). Nothing is rewritten, so a summary can't say what the text does not.
Time O(sentences²), of which at most sixty are read.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.labelers.sentences import split_sentences
from tasks.labelers.words import content_stems

MAX_WORDS = 60
MAX_SENTENCES = 3

_MIN_SENTENCE_WORDS = 5
_MAX_READ = 60
_DAMPING = 0.85
_ROUNDS = 30
_SAME_SENTENCE = 0.7


@dataclass(frozen=True)
class Summary:
    """The summary, and how much of the text's vocabulary it carries: the cosine of their word counts, in [0, 1]."""

    text: str
    coverage: float


def summarise(title: str, text: str, *, max_words: int = MAX_WORDS) -> Summary:
    """At most three sentences and max_words words of `text` (of `title`, where there is no text), in their own order."""
    sentences = split_sentences(text)[:_MAX_READ] or [title.strip()]
    stems = [content_stems(sentence) for sentence in sentences]
    chosen = _choose(sentences, stems, max_words)
    whole = Counter(stem for sentence in stems for stem in sentence)
    said = Counter(stem for index in chosen for stem in stems[index])
    summary = " ".join(sentences[index] for index in chosen)
    words = summary.split()
    if len(words) > max_words:
        summary = " ".join(words[: max_words - 1]) + " …"
    return Summary(summary, round(_cosine(said, whole), 4))


def _choose(sentences: Sequence[str], stems: Sequence[Sequence[str]], max_words: int) -> list[int]:
    lengths = [len(sentence.split()) for sentence in sentences]
    if len(sentences) <= MAX_SENTENCES and sum(lengths) <= max_words:
        return list(range(len(sentences)))
    similar = _compare_sentences(stems)
    ranks = _rank(similar)
    fitting = [index for index, length in enumerate(lengths) if _MIN_SENTENCE_WORDS <= length <= max_words]
    chosen: list[int] = []
    left = max_words
    for index in sorted(fitting, key=lambda index: (-ranks[index], index)):
        is_new = all(similar[index, other] < _SAME_SENTENCE for other in chosen)
        if len(chosen) < MAX_SENTENCES and lengths[index] <= left and is_new:
            chosen.append(index)
            left -= lengths[index]
    return sorted(chosen) or [int(np.argmax(ranks))]


def _compare_sentences(stems: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """Cosines of the sentences' word counts, shape (n, n)."""
    columns = {
        stem: column for column, stem in enumerate(dict.fromkeys(stem for sentence in stems for stem in sentence))
    }
    counts = np.zeros((len(stems), max(1, len(columns))))
    for row, sentence in enumerate(stems):
        for stem in sentence:
            counts[row, columns[stem]] += 1
    counts /= np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-12)
    return np.asarray(counts @ counts.T)


def _rank(similar: NDArray[np.float64]) -> NDArray[np.float64]:
    votes = similar.copy()
    np.fill_diagonal(votes, 0.0)
    sums = votes.sum(axis=1, keepdims=True)
    votes = np.where(sums > 0, votes / np.where(sums > 0, sums, 1.0), 1 / len(votes))
    opening = 1 / np.arange(1, len(votes) + 1)
    opening /= opening.sum()
    ranks = opening
    for _ in range(_ROUNDS):
        ranks = _DAMPING * (ranks @ votes) + (1 - _DAMPING) * opening
    return np.asarray(ranks)


def _cosine(a: Counter[str], b: Counter[str]) -> float:
    product = sum(count * b[word] for word, count in a.items())
    norms = math.sqrt(sum(n * n for n in a.values()) * sum(n * n for n in b.values()))
    return min(1.0, product / norms) if norms else 1.0
