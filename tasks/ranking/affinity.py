"""How much of a user's history lies in an item's topics, categories and authors; and how near the profile lies."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from tasks.ranking.inputs import FloatVector, ItemFacts, LabelMatrix, PairRows, ShardArrays

PROFILE_SHARPNESS = 20.0
"""Factor of the cosines between profile and topic centroids before the softmax."""


def user_shares(shard: ShardArrays, labels: LabelMatrix) -> sparse.csr_matrix:
    """(u, l): each user's liked history by label, weighted; a row sums to 1, or is empty where nothing is known."""
    n_users = len(shard.user_ids)
    users = np.repeat(np.arange(n_users), np.diff(shard.indptr))
    liked = (shard.history_weights > 0) & (shard.history_items >= 0)
    entries = (shard.history_weights[liked], (users[liked], shard.history_items[liked]))
    sums = sparse.csr_matrix(entries, shape=(n_users, labels.shares.shape[0])) @ labels.shares
    totals = np.asarray(sums.sum(axis=1)).ravel()
    scale = np.divide(1.0, totals, out=np.zeros(n_users), where=totals > 0)
    return sparse.csr_matrix(sparse.diags(scale) @ sums)


def label_affinity(shares: sparse.csr_matrix, labels: LabelMatrix, rows: PairRows) -> FloatVector:
    """sum over labels of user share * item share, in [0, 1]; NaN where user or item has no label. O(pairs * labels)."""
    products = shares[rows.users].multiply(labels.shares[rows.items])
    affinity = np.asarray(products.sum(axis=1)).ravel()
    has_both = (np.diff(shares.indptr) > 0)[rows.users] & (np.diff(labels.shares.indptr) > 0)[rows.items]
    return np.where(has_both, affinity, np.nan)


def profile_shares(shard: ShardArrays, facts: ItemFacts) -> sparse.csr_matrix:
    """(u, t): softmax of the cosines of each user's profile and the topics' centroids; empty without a profile."""
    if not facts.topics.names:
        return sparse.csr_matrix((len(shard.user_ids), 0))
    cosines = shard.profile_vectors @ facts.topic_centroids.T
    weights = np.exp(PROFILE_SHARPNESS * (cosines - cosines.max(axis=1, keepdims=True)))
    weights = weights / weights.sum(axis=1, keepdims=True) * shard.has_profile[:, None]
    return sparse.csr_matrix(weights)
