"""A taxonomy of two levels: which topics stand at the bottom, and which of an answer's topics say something twice. Pure.

A topic with a `parent` is a part of it. The lowest topics are those without children; in a flat taxonomy these are all.
Time O(topics).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tasks.labelers.protocol import ScoredTopic, TopicDefinition


def parents_of(taxonomy: Sequence[TopicDefinition]) -> dict[str, str]:
    """Topic to parent, for the topics that have one; empty for a flat taxonomy."""
    return {topic.name: topic.parent for topic in taxonomy if topic.parent}


def lowest_topics(taxonomy: Sequence[TopicDefinition]) -> list[TopicDefinition]:
    """The topics without children, in the order of the catalog file."""
    above = set(parents_of(taxonomy).values())
    return [topic for topic in taxonomy if topic.name not in above]


def drop_implied(topics: Sequence[ScoredTopic], parents: Mapping[str, str]) -> list[ScoredTopic]:
    """Without each topic that a child of it, also among `topics`, says more exactly.

    Topics come and stay best first: the best of the children moves up to its parent's place where that is better, with
    its own confidence, so that an answer "sport, tech, football" does not become one of tech.

    >>> answer = [ScoredTopic("sport", 0.9), ScoredTopic("tech", 0.5), ScoredTopic("football", 0.4)]
    >>> [topic.topic for topic in drop_implied(answer, {"football": "sport"})]
    ['football', 'tech']
    """
    kept: list[ScoredTopic] = []
    for topic in topics:
        child = next((one for one in topics if parents.get(one.topic) == topic.topic), topic)
        if child not in kept:
            kept.append(child)
    return kept
