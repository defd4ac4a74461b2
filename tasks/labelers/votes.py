"""Several answers of one labeler to one question become one: the majority's, with the share that agrees as confidence.

The share is smoothed as Laplace did, (votes + 1) / (asked + 2): five of five are 0.86 and no certainty. An asking without a
valid answer is a vote for nothing. A tie goes to the answer that was given first. Pure; time O(answers).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from tasks.labelers.protocol import JudgeAnswer, ScoredTopic, SimilarAnswer, TopicAnswer

A = TypeVar("A")

MAX_TOPICS = 3


def share_of(n_votes: int, n_asked: int) -> float:
    """The smoothed share, in (0, 1).

    >>> share_of(5, 5), share_of(1, 2)
    (0.857143, 0.5)
    """
    return round((n_votes + 1) / (n_asked + 2), 6)


def vote_topics(answers: Sequence[TopicAnswer], n_asked: int) -> TopicAnswer:
    """The primary topic with most votes; beside it the topics that at least half of the askings name, by their shares.

    An empty list is a vote for none of these, and wins as any other.
    """
    chosen, _ = _choose(answers, lambda answer: answer.primary)
    if not chosen.topics:
        return chosen
    named = Counter(scored.topic for answer in answers for scored in answer.topics)
    primaries = Counter(answer.primary for answer in answers)
    first = ScoredTopic(chosen.topics[0].topic, share_of(primaries[chosen.primary], n_asked))
    others = [
        ScoredTopic(topic, min(share_of(n, n_asked), first.confidence))
        for topic, n in named.most_common()
        if topic != first.topic and 2 * n >= n_asked
    ]
    return replace(chosen, topics=(first, *others)[:MAX_TOPICS])


def vote_similar(answers: Sequence[SimilarAnswer], n_asked: int) -> SimilarAnswer:
    """The verdict with most votes; confidence is the probability that the two are similar, and never against the verdict."""
    chosen, n_votes = _choose(answers, lambda answer: answer.is_similar)
    share = max(0.5, share_of(n_votes, n_asked))
    same = Counter(answer.is_same_topic for answer in answers if answer.is_same_topic is not None)
    is_same_topic = chosen.is_similar or same[True] > same[False] if same else None
    confidence = share if chosen.is_similar else round(1 - share, 6)
    return replace(chosen, confidence=confidence, is_same_topic=is_same_topic)


def vote_judge(answers: Sequence[JudgeAnswer], n_asked: int) -> JudgeAnswer:
    """The grade with most votes."""
    chosen, n_votes = _choose(answers, lambda answer: answer.relevance)
    return replace(chosen, confidence=share_of(n_votes, n_asked))


def _choose(answers: Sequence[A], verdict: Callable[[A], Any]) -> tuple[A, int]:
    """The first answer that gives the verdict with most votes, and how many those are; at least one answer is given."""
    votes = Counter(map(verdict, answers))
    winner, n_votes = votes.most_common(1)[0]
    return next(answer for answer in answers if verdict(answer) == winner), n_votes
