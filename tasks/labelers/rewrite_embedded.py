"""Users as search texts that extract and do not invent: every phrase stands in the profile or in an item that they liked. Pure.

A user is a set of interests: the phrases of the profile, and each liked item with its key phrases. A query is founded by the
interest that speaks for most of those for which no other query speaks yet (greedy facility location, Nemhauser et al. 1978),
weighted by how far an interest speaks for the user; the others join the query that they are nearest to. So a query is about
one thing, and a single item that was read by the way founds one last. needs stays empty: what is not stated can't be
extracted. avoid holds what the summary says is avoided.
Time O(interests² + interests x queries) a user, and embedding the phrases of profiles that were not seen before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tasks.embedding.protocol import Matrix
from tasks.labelers.keyphrases import choose_keyphrases, extract_keyphrases
from tasks.labelers.phrase_vectors import PhraseVectors, item_vectors
from tasks.labelers.profiles import Phrase, Profile, read_profile
from tasks.labelers.protocol import Failure, ItemText, RewriteAnswer, RewriteQuestion
from tasks.labelers.words import content_stems

MAX_QUERY_WORDS = 24
PHRASES_PER_ITEM = 3
HISTORY_WEIGHT = 0.9
"""What a liked item weighs beside a stated interest (1.0): it was chosen, but perhaps for another reason than its subject."""

_MAX_CHARS = 5000


@dataclass(frozen=True)
class _Interest:
    """One thing that a user wants: the texts that say it, best first, and its weight in (0, 1]."""

    texts: tuple[str, ...]
    weight: float


def answer_rewrite(
    questions: Sequence[RewriteQuestion], *, phrases: PhraseVectors, n_queries: int
) -> list[RewriteAnswer | Failure]:
    """One answer a question, in order; a user who wants nothing that could be searched for is a Failure."""
    profiles = [read_profile(question.user) for question in questions]
    items = {item.key: item for question in questions for item in question.user.history if _is_readable(item)}
    # One call embeds all phrases that are new in this chunk; the users then find them in the cache.
    phrases.encode([phrase.text for profile in profiles for phrase in profile.wanted])
    vectors = dict(zip(items, item_vectors(list(items.values()), phrases), strict=True))
    return [
        _rewrite(question, profile, vectors, phrases, n_queries)
        for question, profile in zip(questions, profiles, strict=True)
    ]


def _rewrite(
    question: RewriteQuestion, profile: Profile, known: dict[str, Matrix], phrases: PhraseVectors, n_queries: int
) -> RewriteAnswer | Failure:
    liked = [item for item in question.user.history if item.key in known]
    stated = [_Interest((phrase.text,), phrase.weight) for phrase in profile.wanted]
    read = [_Interest(_phrases_of(item, profile.avoided), HISTORY_WEIGHT) for item in liked]
    if not stated and not any(interest.texts for interest in read):
        return Failure("the profile wants nothing and no title was liked; nothing to search by")
    rows = [phrases.encode([phrase.text for phrase in profile.wanted]), *(known[item.key][None] for item in liked)]
    interests, vectors = [*stated, *read], np.concatenate(rows)
    kept = [row for row, interest in enumerate(interests) if interest.texts]
    interests, vectors = [interests[row] for row in kept], vectors[kept]
    groups = _group(interests, vectors, n_groups=n_queries)
    queries = tuple(dict.fromkeys(_join([interests[row] for row in group]) for group in groups))
    return RewriteAnswer(
        queries=queries,
        needs=(),
        avoid=tuple(phrase.text for phrase in profile.avoided),
        confidence=_coverage(queries, interests),
    )


def _is_readable(item: ItemText) -> bool:
    return bool(item.title.strip() or item.text.strip())


def _phrases_of(item: ItemText, avoided: Sequence[Phrase]) -> tuple[str, ...]:
    """Key phrases of an item but those that say what is avoided; the title where it has none."""
    found = _keyphrases(item.title, item.text[:_MAX_CHARS]) or ((item.title.strip(), frozenset()),)
    return tuple(
        text for text, stems in found if text and not any(phrase.stems and phrase.stems <= stems for phrase in avoided)
    )


@lru_cache(maxsize=10_000)
def _keyphrases(title: str, text: str) -> tuple[tuple[str, frozenset[str]], ...]:
    chosen = choose_keyphrases(extract_keyphrases(title, text), n=PHRASES_PER_ITEM)
    return tuple((phrase.text, frozenset(content_stems(phrase.text))) for phrase in chosen)


def _group(interests: Sequence[_Interest], vectors: Matrix, *, n_groups: int) -> list[list[int]]:
    """Rows of the interests, group by group, in the order in which the groups were founded."""
    weights = np.array([interest.weight for interest in interests])
    # What row r is worth as a founder: column i holds how much of interest i it speaks for, in [0, 1].
    alike = np.round(np.clip(vectors @ vectors.T, 0.0, 1.0), 6)
    spoken_for = np.zeros(len(interests))
    founders: list[int] = []
    while len(founders) < min(n_groups, len(interests)):
        gains = np.round(np.maximum(alike - spoken_for, 0.0) @ weights, 6)
        gains[founders] = 0.0
        best = int(np.argmax(gains))
        if gains[best] <= 0:
            break
        founders.append(best)
        spoken_for = np.maximum(spoken_for, alike[best])
    joins = alike[:, founders].argmax(axis=1)
    joins[founders] = np.arange(len(founders))
    return [np.flatnonzero(joins == group).tolist() for group in range(len(founders))]


def _join(interests: Sequence[_Interest]) -> str:
    """One text of the interests, each phrase once: the first of every interest before the second of any."""
    texts: dict[str, str] = {}
    n_words = 0
    for place in range(max(len(interest.texts) for interest in interests)):
        for interest in interests:
            for text in interest.texts[place : place + 1]:
                words = len(text.split())
                is_new = text.casefold() not in texts
                if is_new and (not texts or n_words + words <= MAX_QUERY_WORDS):
                    texts[text.casefold()] = text
                    n_words += words
    return ", ".join(texts.values())


def _coverage(queries: Sequence[str], interests: Sequence[_Interest]) -> float:
    """The share of what the user wants, as content words, that the queries hold; a measure of coverage, no probability."""
    wanted = {stem for interest in interests for text in interest.texts for stem in content_stems(text)}
    held = {stem for query in queries for stem in content_stems(query)}
    return round(len(wanted & held) / len(wanted), 4) if wanted else 0.0
