"""A history summed up in a few interests: weighted spherical k-means on the vectors of what a user liked.

A reader of football and of cooking has two interests, and the mean of both lies near neither. Source of the method:
Dhillon and Modha, "Concept decompositions for large sparse text data using clustering", Machine Learning 2001.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.retrieval.item_index import FloatMatrix, FloatVector, IntVector

SAME_INTEREST = 0.5
"""An item whose cosine with a start is at least this starts no interest of its own."""
ROUNDS = 8
DECIMALS = 6


@dataclass(frozen=True)
class Interests:
    """centroids: (k, d) unit rows. shares: (k,) of the history's weight, > 0, they sum to 1."""

    centroids: FloatMatrix
    shares: FloatVector


def find_interests(vectors: FloatMatrix, weights: FloatVector, *, limit: int) -> Interests:
    """At most `limit` interests of one user's items (l, d; unit rows; l >= 1) with weights > 0 (l,).

    The start is deterministic: the heaviest item, then again and again the one with the largest weight * distance to
    the nearest start, until all lie within SAME_INTEREST of one. So a homogeneous history has one interest.
    O(l^2 d + rounds * l^2 * limit) time, O(l^2) memory.
    """
    precise, weights = vectors.astype(np.float64), weights / weights.max()
    cosines = np.round(precise @ precise.T, DECIMALS)
    starts = _choose_starts(cosines, weights, limit)
    nearest = cosines[:, starts].argmax(axis=1)
    for _ in range(ROUNDS):
        members = (nearest[:, None] == np.arange(len(starts))) * weights[:, None]
        again = _cosines_with_sums(cosines, members).argmax(axis=1)
        if np.array_equal(again, nearest):
            break
        nearest = again
    members = (nearest[:, None] == np.arange(len(starts))) * weights[:, None]
    members = members[:, members.any(axis=0)]
    sums = members.T @ precise
    lengths = np.sqrt(np.einsum("kd,kd->k", sums, sums))
    is_somewhere = lengths > 10.0**-DECIMALS
    shares = members.sum(axis=0)[is_somewhere]
    centroids = sums[is_somewhere] / lengths[is_somewhere, None]
    return Interests(centroids.astype(np.float32), shares / max(shares.sum(), np.finfo(np.float64).tiny))


def _choose_starts(cosines: FloatVector, weights: FloatVector, limit: int) -> IntVector:
    starts = [int(np.argmax(weights))]
    while len(starts) < limit:
        nearest = cosines[:, starts].max(axis=1)
        gain = np.where(nearest < SAME_INTEREST, weights * (1.0 - nearest), 0.0)
        if gain.max() <= 0.0:
            break
        starts.append(int(np.argmax(gain)))
    return np.array(starts)


def _cosines_with_sums(cosines: FloatVector, members: FloatVector) -> FloatVector:
    """(l, k) the cosine of each item and the weighted sum of each cluster's members (l, k); -inf of an empty one."""
    dots = cosines @ members
    squares = np.einsum("lk,lk->k", members, dots)
    lengths = np.sqrt(np.maximum(squares, 0.0))
    is_somewhere = lengths > 10.0**-DECIMALS
    scaled = dots / np.where(is_somewhere, lengths, 1.0)
    return np.asarray(np.round(np.where(is_somewhere, scaled, -np.inf), DECIMALS), dtype=np.float64)
