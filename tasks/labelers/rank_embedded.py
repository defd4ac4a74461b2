"""An order of items for a user, by the expected grade of each. Pure.

The expected grade rises with the score that `judge_embedded` grades by, so that the order is that of the scores and no
list contradicts another: who asks this labeler the other way round gets the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist

from tasks.labelers.judge_embedded import SCORE_ERROR, score_pairs
from tasks.labelers.phrase_vectors import PhraseVectors
from tasks.labelers.protocol import Failure, JudgeQuestion, RankAnswer, RankQuestion
from tasks.labelers.scale import Scale


def answer_rank(windows: Sequence[RankQuestion], *, phrases: PhraseVectors, scale: Scale) -> list[RankAnswer | Failure]:
    """One answer a list, in order; equal scores go by the item's key. A user of whom nothing is known is a Failure."""
    pairs = [
        JudgeQuestion(window.user, item, {item.topic: 1.0} if item.topic else {})
        for window in windows
        for item in window.items
    ]
    scored = iter(score_pairs(pairs, phrases=phrases, scale=scale))
    return [_order(window, [next(scored) for _ in window.items]) for window in windows]


def _order(window: RankQuestion, scored: Sequence[tuple[float, str] | Failure]) -> RankAnswer | Failure:
    known: list[tuple[float, str]] = []
    for one in scored:
        if isinstance(one, Failure):
            return one
        known.append(one)
    best_first = sorted(range(len(known)), key=lambda place: (-known[place][0], window.items[place].key))
    ranks = [0] * len(known)
    for rank, place in enumerate(best_first, start=1):
        ranks[place] = rank
    lead = known[best_first[0]][0] - known[best_first[1]][0]
    return RankAnswer(
        ranks=tuple(ranks),
        # The probability that the first is better than the second, with independent errors of both scores.
        confidence=round(float(NormalDist().cdf(lead / (SCORE_ERROR * sqrt(2)))), 4),
        reason=f"'{window.items[best_first[0]].title}' first: {known[best_first[0]][1]}",
    )
