"""How a user's search texts spread over the topics: each is about one thing, where a profile's one vector is about all.

Search texts are made by the stage `rewrite`. Time O(texts x topics + pairs x topics).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from tasks.ranking.affinity import PROFILE_SHARPNESS, label_affinity
from tasks.ranking.feature import Feature
from tasks.ranking.inputs import FloatVector, ItemFacts, PairRows, SearchTexts

QUERY_FEATURES: tuple[Feature, ...] = (
    Feature(
        "query_topic_affinity",
        "share of the user's search texts that is about the item's topics",
        "search texts, topic labels",
        "the stage rewrite made search texts",
        1,
    ),
)


def query_columns(
    queries: SearchTexts | None, n_users: int, facts: ItemFacts, rows: PairRows
) -> dict[str, FloatVector]:
    """The columns of QUERY_FEATURES, one value a pair; NaN where the user has no search text or the item no topic."""
    shares = _query_shares(queries, n_users, facts)
    return {"query_topic_affinity": label_affinity(shares, facts.topics, rows)}


def _query_shares(queries: SearchTexts | None, n_users: int, facts: ItemFacts) -> sparse.csr_matrix:
    """(u, t): the mean over a user's wanted texts of the softmax of their cosines with the topics' centroids."""
    if queries is None or not facts.topics.names:
        return sparse.csr_matrix((n_users, len(facts.topics.names)))
    wanted = np.flatnonzero(~queries.is_avoided & queries.vectors.any(axis=1))
    cosines = queries.vectors[wanted] @ facts.topic_centroids.T
    weights = np.exp(PROFILE_SHARPNESS * (cosines - cosines.max(axis=1, keepdims=True, initial=-1.0)))
    votes = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    sums, users = np.zeros((n_users, len(facts.topics.names))), queries.users[wanted]
    np.add.at(sums, users, votes)
    counts = np.bincount(users, minlength=n_users)
    return sparse.csr_matrix(sums / np.maximum(counts, 1)[:, None])
