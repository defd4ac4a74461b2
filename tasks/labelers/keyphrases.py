"""Key phrases of one text, without a corpus. Pure. Every phrase stands in the text as it is given.

A word weighs more the more often it occurs, in the title, early, and with a capital (the features of YAKE, Campos et al.
2020); a phrase is a run of content words between stopwords and punctuation (RAKE, Rose et al. 2010), and weighs the mean of
its words, more when it comes back.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tasks.labelers.words import CALENDAR_WORDS, is_content, plain_word, stem

MAX_WORDS = 3

_FENCE = re.compile(
    r"[.,;:!?()\[\]{}\"“”|/\n\t…]+(?=\s|$)|(?<=\s)[(\[{\"“'‘–—-]+|[\n\t|;:!?()\[\]{}\"“”…–—]|['’]+(?=\s|$)"
)
_TOKEN = re.compile(r"[^\W_]+(?:['’.&\-][^\W_]+)*")
_LENGTH_BONUS = {1: 1.0, 2: 1.6, 3: 1.8}


@dataclass(frozen=True)
class KeyPhrase:
    """A phrase as it is written first, its stems, how often it occurs, and its weight (comparable within one text)."""

    text: str
    stems: tuple[str, ...]
    n: int
    weight: float


def extract_keyphrases(title: str, text: str) -> list[KeyPhrase]:
    """All candidate phrases of one to three words, best first."""
    runs = [*_content_runs(title), *_content_runs(text)]
    weights = _weigh_words(runs, {stem(word.lower()) for run in _content_runs(title) for word in run})
    written: dict[tuple[str, ...], str] = {}
    counts: Counter[tuple[str, ...]] = Counter()
    for run in runs:
        for size in range(1, MAX_WORDS + 1):
            for start in range(len(run) - size + 1):
                words = run[start : start + size]
                stems = tuple(stem(plain_word(word)) for word in words)
                counts[stems] += 1
                written.setdefault(stems, " ".join(words))
    phrases = [
        KeyPhrase(written[stems], stems, n, _weigh_phrase(stems, n, weights))
        for stems, n in counts.items()
        if len(set(stems)) == len(stems)
    ]
    return sorted(phrases, key=lambda phrase: (-phrase.weight, phrase.text))


def choose_keyphrases(phrases: Sequence[KeyPhrase], *, n: int) -> list[KeyPhrase]:
    """The first n phrases that share no word with an earlier one."""
    kept: list[KeyPhrase] = []
    taken: set[str] = set()
    for phrase in phrases:
        if len(kept) < n and taken.isdisjoint(phrase.stems):
            kept.append(phrase)
            taken.update(phrase.stems)
    return kept


def _content_runs(text: str) -> list[list[str]]:
    """Runs of content words as written, between stopwords, numbers and punctuation."""
    runs = []
    for part in _FENCE.split(text):
        run: list[str] = []
        for word in _TOKEN.findall(part or ""):
            lowered = plain_word(word)
            if is_content(lowered) and lowered not in CALENDAR_WORDS and any(letter.isalpha() for letter in lowered):
                run.append(word.removesuffix("'s").removesuffix("’s"))
            else:
                runs.append(run)
                run = []
        runs.append(run)
    return [run for run in runs if run]


def _weigh_words(runs: Sequence[Sequence[str]], in_title: set[str]) -> dict[str, float]:
    counts: Counter[str] = Counter()
    capitals: Counter[str] = Counter()
    places: dict[str, int] = {}
    for place, word in enumerate(_flatten(runs)):
        root = stem(plain_word(word))
        counts[root] += 1
        capitals[root] += word[0].isupper()
        places.setdefault(root, place)
    return {
        root: math.log1p(n)
        * (1 + 0.5 * (root in in_title))
        * (1 + 0.5 * capitals[root] / n)
        * (1 + 1 / (1 + places[root] / 20))
        for root, n in counts.items()
    }


def _flatten(runs: Sequence[Sequence[str]]) -> Iterator[str]:
    return (word for run in runs for word in run)


def _weigh_phrase(stems: tuple[str, ...], n: int, weights: dict[str, float]) -> float:
    mean = sum(weights[root] for root in stems) / len(stems)
    # A run of words that comes only once may be chance; once is enough only for a word by itself.
    bonus = _LENGTH_BONUS[len(stems)] if n > 1 else 1.0
    return mean * bonus * (1 + 0.5 * math.log(n))
