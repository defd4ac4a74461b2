"""Relevance 0-3 of an item for a user, from what the user states, follows and avoids. Pure.

Four kinds of evidence, each a strength in [0, 1] times the most that it may prove by itself:

- stated: the phrase of the profile that is nearest the item, by cosine and by its words occurring in the item;
- history: the item of the user's history that is nearest;
- topics: how much of the user's affinity lies on the item's topics;
- avoided: the stated avoidance that is nearest, which takes away from all the others:

    score = (1 - (1 - stated) (1 - history) (1 - topics)) (1 - avoided)

so one good reason suffices, and several weak ones add up (noisy or, Pearl 1988). The grade is the quarter of [0, 1] that
the score lies in. A pair's answer depends on that pair alone: not on which pairs are asked together, nor on the cosine of
the profile's vector and the item's, by which candidates are retrieved and which a judge should be able to overrule.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.embedding.protocol import Matrix
from tasks.labelers.phrase_vectors import PhraseVectors, item_vectors
from tasks.labelers.profiles import Phrase, read_profile
from tasks.labelers.protocol import Failure, ItemText, JudgeAnswer, JudgeQuestion, UserText
from tasks.labelers.scale import Scale
from tasks.labelers.words import item_stems

GRADE_BOUNDS = (0.25, 0.5, 0.75)

MEANING_PROOF = 0.8
WORDS_PROOF = 0.6
HISTORY_PROOF = 0.7
TOPIC_PROOF = 0.45
"""The most that a kind of evidence proves alone. Meaning may delight (3); words or history may be read (2), as the words may
be used in another sense and a habit may tire; a topic, which a good part of the catalog shares, earns a glance (1)."""

SCORE_ERROR = 0.2
"""Standard deviation assumed of a score. With it, a uniform score gets the right quarter with 58 % probability: language
models as judges agree exactly with people in 56 % (median of 33 judges, grades 0-3, LLMJudge challenge)."""

_WORTH_NAMING = 0.1


@dataclass(frozen=True)
class _Evidence:
    """Strengths of one user's n items, shape (n,), and for each item what the strongest phrase, history item and topic are."""

    stated: NDArray[np.float64]
    history: NDArray[np.float64]
    topics: NDArray[np.float64]
    avoided: NDArray[np.float64]
    named: list[dict[str, str]]

    @property
    def scores(self) -> NDArray[np.float64]:
        doubt = (1 - self.stated) * (1 - self.history) * (1 - self.topics)
        return np.asarray((1 - doubt) * (1 - self.avoided))


def answer_judge(
    pairs: Sequence[JudgeQuestion], *, phrases: PhraseVectors, scale: Scale
) -> list[JudgeAnswer | Failure]:
    """One answer a pair, in order; a user who states nothing and did nothing is a Failure, not a 0."""
    scored = score_pairs(pairs, phrases=phrases, scale=scale)
    return [one if isinstance(one, Failure) else _grade(*one) for one in scored]


def score_pairs(
    pairs: Sequence[JudgeQuestion], *, phrases: PhraseVectors, scale: Scale
) -> list[tuple[float, str] | Failure]:
    """The score in [0, 1] behind each grade, which an order is made by, and what it rests on."""
    vectors = _collect_vectors(pairs, phrases)
    # By object, as two users with one profile may have different histories.
    rows_of_user: dict[int, list[int]] = {}
    for row, pair in enumerate(pairs):
        rows_of_user.setdefault(id(pair.user), []).append(row)
    answers: dict[int, tuple[float, str] | Failure] = {}
    for rows in rows_of_user.values():
        asked = [pairs[row] for row in rows]
        answers |= dict(zip(rows, _answer_user(asked, vectors, phrases, scale), strict=True))
    return [answers[row] for row in range(len(pairs))]


def _collect_vectors(pairs: Sequence[JudgeQuestion], phrases: PhraseVectors) -> Mapping[str, Matrix]:
    users = {id(pair.user): pair.user for pair in pairs}.values()
    items = {pair.item.key: pair.item for pair in pairs} | {item.key: item for user in users for item in user.history}
    # One call embeds all phrases that are new in this chunk; the users then find them in the cache.
    profiles = [read_profile(user) for user in users]
    phrases.encode([phrase.text for profile in profiles for phrase in (*profile.wanted, *profile.avoided)])
    return dict(zip(items, item_vectors(list(items.values()), phrases), strict=True))


def _answer_user(
    pairs: Sequence[JudgeQuestion], vectors: Mapping[str, Matrix], phrases: PhraseVectors, scale: Scale
) -> list[tuple[float, str] | Failure]:
    user = pairs[0].user
    profile = read_profile(user)
    if not (profile.wanted or profile.avoided or user.history or user.topic_affinity):
        return [
            Failure(f"user {user.key!r} has no interests, summary, history or topics; nothing to judge by")
            for _ in pairs
        ]
    items = [pair.item for pair in pairs]
    matrix = np.stack([vectors[item.key] for item in items])
    named: list[dict[str, str]] = [{} for _ in pairs]
    evidence = _Evidence(
        stated=_weigh_phrases(profile.wanted, items, matrix, phrases, scale, named),
        history=HISTORY_PROOF * _weigh_history(user, items, matrix, vectors, scale, named),
        topics=TOPIC_PROOF * _weigh_topics(user, pairs, named),
        avoided=_weigh_phrases(profile.avoided, items, matrix, phrases, scale, named),
        named=named,
    )
    return [(float(score), _explain(evidence, row)) for row, score in enumerate(evidence.scores)]


def _weigh_phrases(
    stated: Sequence[Phrase],
    items: Sequence[ItemText],
    matrix: Matrix,
    phrases: PhraseVectors,
    scale: Scale,
    named: Sequence[dict[str, str]],
) -> NDArray[np.float64]:
    """Strength of the nearest phrase for each item; says in `named` which one it was."""
    if not stated:
        return np.zeros(len(items))
    cosines = phrases.encode([phrase.text for phrase in stated]) @ matrix.T
    meaning = scale.interest_strength(cosines, n_interests=len(stated))
    # Words that occur in a text on something else ("history" in a match report) count half.
    words = _share_words(stated, items) * (0.5 + 0.5 * meaning)
    weights = np.array([[phrase.weight] for phrase in stated])
    strengths = weights * (1 - (1 - MEANING_PROOF * meaning) * (1 - WORDS_PROOF * words))
    nearest = np.lexsort((-cosines, -strengths), axis=0)[0]
    for column, row in enumerate(nearest):
        said = ", in its words" if words[row, column] > 0.5 else ""
        named[column]["avoided" if stated[row].kind == "avoided" else "stated"] = (
            f"{stated[row].kind} '{stated[row].text}' (cosine {cosines[row, column]:.2f}{said})"
        )
    return np.asarray(strengths[nearest, np.arange(len(items))])


def _share_words(stated: Sequence[Phrase], items: Sequence[ItemText]) -> NDArray[np.float64]:
    """Square of the share of a phrase's content words that occur in the item, shape (phrases, items): all of them or little."""
    stems = [item_stems(item.title, item.text) for item in items]
    shares = [[len(phrase.stems & found) / max(1, len(phrase.stems)) for found in stems] for phrase in stated]
    return np.asarray(np.square(np.array(shares)))


def _weigh_history(
    user: UserText,
    items: Sequence[ItemText],
    matrix: Matrix,
    vectors: Mapping[str, Matrix],
    scale: Scale,
    named: Sequence[dict[str, str]],
) -> NDArray[np.float64]:
    if not user.history:
        return np.zeros(len(items))
    cosines = np.stack([vectors[item.key] for item in user.history]) @ matrix.T
    # An item is no evidence for itself.
    cosines[np.array([[seen.key == item.key for item in items] for seen in user.history])] = -1.0
    nearest = cosines.argmax(axis=0)
    for column, row in enumerate(nearest):
        if user.history[row].key != items[column].key:
            named[column]["history"] = f"history '{user.history[row].title}' (cosine {cosines[row, column]:.2f})"
    return scale.text_strength(cosines.max(axis=0), n_texts=len(user.history))


def _weigh_topics(
    user: UserText, pairs: Sequence[JudgeQuestion], named: Sequence[dict[str, str]]
) -> NDArray[np.float64]:
    strengths = np.zeros(len(pairs))
    for row, pair in enumerate(pairs):
        shares = {topic: share * user.topic_affinity.get(topic, 0.0) for topic, share in pair.topics.items()}
        if shares:
            best = max(sorted(shares), key=lambda topic: shares[topic])
            named[row]["topics"] = f"topic {best} ({user.topic_affinity.get(best, 0.0):.0%} of what they read)"
            strengths[row] = min(1.0, max(0.0, sum(shares.values())))
    return strengths


def _grade(score: float, reason: str) -> JudgeAnswer:
    grade = sum(score >= bound for bound in GRADE_BOUNDS)
    low = (-math.inf, *GRADE_BOUNDS)[grade]
    high = (*GRADE_BOUNDS, math.inf)[grade]
    return JudgeAnswer(
        relevance=grade,
        confidence=round(_normal_cdf((high - score) / SCORE_ERROR) - _normal_cdf((low - score) / SCORE_ERROR), 4),
        reason=reason,
    )


def _explain(evidence: _Evidence, row: int) -> str:
    strengths = {
        "stated": evidence.stated,
        "history": evidence.history,
        "topics": evidence.topics,
        "avoided": evidence.avoided,
    }
    named = evidence.named[row]
    parts = [named[kind] for kind, values in strengths.items() if kind in named and values[row] >= _WORTH_NAMING]
    if parts:
        return "; ".join(parts)
    nearest = named.get("stated") or named.get("history")
    return f"nothing matches; nearest is {nearest}" if nearest else "nothing matches"


def _normal_cdf(value: float) -> float:
    return 0.5 * (1 + math.erf(value / math.sqrt(2)))
