"""How much of a user's history lies in an item's topics, categories and authors; and how near the profile lies."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from tasks.ranking.inputs import FloatVector, ItemFacts, LabelMatrix, PairRows, ShardArrays
from tasks.ranking.pair_runs import LabelEntries, find_entries, look_up

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
    """share_affinity of the pairs. O(pairs * labels)."""
    entries = find_entries(labels.shares, rows)
    return share_affinity(shares, entries, look_up(shares, rows.users[entries.pairs], entries.columns), rows)


def share_affinity(shares: sparse.csr_matrix, entries: LabelEntries, held: FloatVector, rows: PairRows) -> FloatVector:
    """sum over labels of user share * item share, in [0, 1]; NaN where user or item has no label.

    shares: (u, l). entries: the labels of each pair's item, held: of each of them the user's share.
    """
    affinity = np.round(entries.sum_up(entries.shares * held), DECIMALS)
    has_both = (np.diff(shares.indptr) > 0)[rows.users] & entries.has_any()
    return np.where(has_both, affinity, np.nan)


def share_lift(
    shares: sparse.csr_matrix, entries: LabelEntries, held: FloatVector, rows: PairRows, *, overall: FloatVector
) -> FloatVector:
    """Mean over the item's labels of log(user's share / share of all choices), both drawn to each other by LIFT_PRIOR.

    NaN where user or item has no label. Unlike the affinity it does not grow with a label that everybody chooses.
    overall: (l,) of choices_by_label; the others as in share_affinity.
    """
    lifts = np.log((held + LIFT_PRIOR) / (overall[entries.columns] + LIFT_PRIOR))
    found, sizes = entries.sum_up(entries.shares * lifts), entries.sum_up(entries.shares)
    has_both = (np.diff(shares.indptr) > 0)[rows.users] & (sizes > 0)
    return np.where(has_both, np.round(found / np.where(sizes > 0, sizes, 1.0), DECIMALS), np.nan)


def label_lift(
    shares: sparse.csr_matrix, labels: LabelMatrix, n_interactions: FloatVector, rows: PairRows
) -> FloatVector:
    """share_lift of the pairs. n_interactions: (n,). O(entries of labels + pairs * labels)."""
    entries = find_entries(labels.shares, rows)
    held = look_up(shares, rows.users[entries.pairs], entries.columns)
    return share_lift(shares, entries, held, rows, overall=choices_by_label(labels, n_interactions))


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
