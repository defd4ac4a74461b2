"""How much of a user's history lies in an item's topics, categories and authors; and how near the profile lies."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from tasks.ranking.inputs import (
    BoolVector,
    FloatVector,
    IntVector,
    ItemFacts,
    LabelMatrix,
    PairRows,
    ShardArrays,
)
from tasks.ranking.pair_runs import DENSE_CELLS, find_entries, look_up, sum_entries

LIFT_PRIOR = 0.02
"""Added to both shares of a lift, so that a label of few choices says little."""

PROFILE_SHARPNESS = 20.0
"""Factor of the cosines between profile and topic centroids before the softmax."""

DECIMALS = 9
"""Sums are rounded to so many places, so that their order does not show."""


def user_shares(shard: ShardArrays, labels: LabelMatrix) -> sparse.csr_matrix:
    """(u, l): each user's liked history by label, weighted; a row sums to 1, or is empty where nothing is known."""
    n_users = len(shard.user_ids)
    users = np.repeat(np.arange(n_users), np.diff(shard.indptr))
    liked = (shard.history_weights > 0) & (shard.history_items >= 0)
    rows = PairRows(users[liked], shard.history_items[liked])
    entries = find_entries(labels.shares, rows)
    weighted = shard.history_weights[liked][entries.pairs] * entries.shares
    shape = (n_users, labels.shares.shape[1])
    sums = sparse.csr_matrix((weighted, (rows.users[entries.pairs], entries.columns)), shape=shape)
    totals = np.asarray(sums.sum(axis=1)).ravel()
    scale = np.divide(1.0, totals, out=np.zeros(n_users), where=totals > 0)
    return sparse.csr_matrix(sparse.diags(scale) @ sums)


def label_affinity(shares: sparse.csr_matrix, labels: LabelMatrix, rows: PairRows) -> FloatVector:
    """sum over labels of user share * item share, in [0, 1]; NaN where user or item has no label.

    shares: (u, l). O(pairs * labels).
    """
    affinity = np.round(_sum_over_labels(labels.shares, rows, shares, None), DECIMALS)
    return np.where(_has_labels(shares, rows.users) & _has_labels(labels.shares, rows.items), affinity, np.nan)


def label_lift(
    shares: sparse.csr_matrix, labels: LabelMatrix, n_interactions: FloatVector, rows: PairRows
) -> FloatVector:
    """Mean over the item's labels of log(user's share / share of all choices), both drawn to each other by LIFT_PRIOR.

    NaN where user or item has no label. Unlike the affinity it does not grow with a label that everybody chooses.
    shares: (u, l). n_interactions: (n,). O(entries of labels + users * labels + pairs * labels).
    """
    found = _sum_over_labels(labels.shares, rows, shares, choices_by_label(labels, n_interactions))
    everybody = PairRows(np.zeros(len(rows), dtype=np.int64), rows.items)
    sizes = sum_entries(labels.shares, everybody, np.ones((1, labels.shares.shape[1])))
    has_both = _has_labels(shares, rows.users) & (sizes > 0)
    return np.where(has_both, np.round(found / np.where(sizes > 0, sizes, 1.0), DECIMALS), np.nan)


def _sum_over_labels(
    labels: sparse.csr_matrix, rows: PairRows, shares: sparse.csr_matrix, overall: FloatVector | None
) -> FloatVector:
    """For each pair the sum over the item's labels of its share times the user's; with overall (l,): times the log of what the
    user's share is of that.
    """

    def compare(held: FloatVector, usual: FloatVector | None) -> FloatVector:
        return held if usual is None else np.log((held + LIFT_PRIOR) / (usual + LIFT_PRIOR))

    if shares.shape[0] * shares.shape[1] <= DENSE_CELLS:
        return sum_entries(labels, rows, compare(shares.toarray(), overall))
    entries = find_entries(labels, rows)
    held = look_up(shares, rows.users[entries.pairs], entries.columns)
    return entries.sum_up(entries.shares * compare(held, None if overall is None else overall[entries.columns]))


def _has_labels(matrix: sparse.csr_matrix, rows: IntVector) -> BoolVector:
    return np.asarray((np.diff(matrix.indptr) > 0)[rows])


def choices_by_label(labels: LabelMatrix, n_interactions: FloatVector) -> FloatVector:
    """(l,): each label's share of all choices. n_interactions: (n,). O(entries of labels)."""
    chosen = np.asarray(n_interactions @ labels.shares).ravel()
    return np.asarray(chosen / max(float(chosen.sum()), 1.0))


def profile_shares(shard: ShardArrays, facts: ItemFacts) -> sparse.csr_matrix:
    """(u, t): softmax of the cosines of each user's profile and the topics' centroids; empty without a profile."""
    n_users, n_topics = len(shard.user_ids), len(facts.topics.names)
    known = np.flatnonzero(shard.has_profile) if n_topics else np.empty(0, dtype=np.int64)
    cosines = shard.profile_vectors[known] @ facts.topic_centroids.T
    weights = np.exp(PROFILE_SHARPNESS * (cosines - cosines.max(axis=1, keepdims=True, initial=-1.0)))
    weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    columns = np.tile(np.arange(n_topics), len(known))
    return sparse.csr_matrix((weights.ravel(), (np.repeat(known, n_topics), columns)), shape=(n_users, n_topics))
