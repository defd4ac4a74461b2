"""How search texts spread over topics, as a column."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from tasks.ranking.inputs import PairRows
from tasks.ranking.query_features import QUERY_FEATURES, query_columns

# u about a (science), v about c (food); b is both, d has no topic.
PAIRS = PairRows(np.array([0, 0, 0, 0, 1]), np.array([0, 1, 2, 3, 0]))


def affinity(queries, facts) -> list[float]:
    found = query_columns(queries, 3, facts, PAIRS)
    assert set(found) == {feature.name for feature in QUERY_FEATURES}
    return found["query_topic_affinity"].tolist()


def search_texts(users, vectors, is_avoided):
    return SimpleNamespace(
        users=np.array(users), vectors=np.array(vectors, dtype=np.float32), is_avoided=np.array(is_avoided)
    )


def test_texts_vote_for_the_topics_that_they_are_about(facts) -> None:
    science = [1.0, 0.0]
    food = [0.0, 1.0]
    found = affinity(search_texts([0, 0, 0], [science, science, food], [False] * 3), facts)
    assert found[0] > found[1] > found[2]
    assert np.isclose(found[0], 2 / 3, atol=0.05)


def test_avoided_texts_have_no_vote(facts) -> None:
    found = affinity(search_texts([0, 0], [[1.0, 0.0], [0.0, 1.0]], [False, True]), facts)
    assert found[0] > 0.9


def test_without_search_texts_nothing_is_known(facts) -> None:
    assert np.isnan(affinity(None, facts)).all()
    assert np.isnan(affinity(search_texts([0], [[1.0, 0.0]], [False]), facts)[3:]).all()
