"""How much of a user's history lies in an item's topics, categories and authors; and how near the profile lies."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from tasks.ranking.inputs import FloatVector, ItemFacts, LabelMatrix, PairRows, ShardArrays

LIFT_PRIOR = 0.02
"""Added to both shares of a lift, so that a label of few choices says little."""

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


def label_lift(
    shares: sparse.csr_matrix, labels: LabelMatrix, n_interactions: FloatVector, rows: PairRows
) -> FloatVector:
    """Mean over the item's labels of log(user's share / share of all choices), both drawn to each other by LIFT_PRIOR.

    NaN where user or item has no label. Unlike label_affinity it does not grow with a label that everybody chooses.
    n_interactions: (n,). O(users * labels + pairs * labels).
    """
    chosen = np.asarray(n_interactions @ labels.shares).ravel()
    overall = (chosen / max(float(chosen.sum()), 1.0))[None, :]
    lifts = np.log((shares.toarray() + LIFT_PRIOR) / (overall + LIFT_PRIOR))
    sizes = np.asarray(labels.shares.sum(axis=1)).ravel()
    order = np.argsort(rows.users, kind="stable")
    bounds = np.searchsorted(rows.users[order], np.arange(len(lifts) + 1))
    found = np.zeros(len(rows))
    for user in np.unique(rows.users):
        places = order[bounds[user] : bounds[user + 1]]
        found[places] = labels.shares[rows.items[places]] @ lifts[user]
    has_both = (np.diff(shares.indptr) > 0)[rows.users] & (sizes > 0)[rows.items]
    return np.where(has_both, found / np.where(sizes > 0, sizes, 1.0)[rows.items], np.nan)


def profile_shares(shard: ShardArrays, facts: ItemFacts) -> sparse.csr_matrix:
    """(u, t): softmax of the cosines of each user's profile and the topics' centroids; empty without a profile."""
    if not facts.topics.names:
        return sparse.csr_matrix((len(shard.user_ids), 0))
    cosines = shard.profile_vectors @ facts.topic_centroids.T
    weights = np.exp(PROFILE_SHARPNESS * (cosines - cosines.max(axis=1, keepdims=True)))
    weights = weights / weights.sum(axis=1, keepdims=True) * shard.has_profile[:, None]
    return sparse.csr_matrix(weights)
