"""A history summed up in a few interests: weighted spherical k-means on the vectors of what a user liked.

A reader of football and of cooking has two interests, and the mean of both lies near neither. Source of the method:
Dhillon and Modha, "Concept decompositions for large sparse text data using clustering", Machine Learning 2001.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.retrieval.item_index import FloatMatrix, FloatVector, IntVector
from tasks.retrieval.order import run_starts

SAME_INTEREST = 0.5
"""An item whose cosine with a start is at least this starts no interest of its own."""
ROUNDS = 8
DECIMALS = 6
BLOCK_CELLS = 1 << 17
"""Numbers of vectors at once: these and what is made of them fit the processor's cache."""


@dataclass(frozen=True)
class Interests:
    """centroids: (k, d) unit rows. shares: (k,) of the history's weight, > 0, a user's sum to 1. users: (k,) ascending."""

    centroids: FloatMatrix
    shares: FloatVector
    users: IntVector


def find_interests(vectors: FloatMatrix, weights: FloatVector, *, limit: int) -> Interests:
    """The interests of one user's items (l, d; unit rows; l >= 1) with weights > 0 (l,); see find_all_interests."""
    rows = np.arange(len(vectors))
    return find_all_interests(vectors, rows, weights, users=np.zeros(len(rows), dtype=np.int64), limit=limit)


def find_all_interests(
    vectors: FloatMatrix,
    rows: IntVector,
    weights: FloatVector,
    *,
    users: IntVector,
    limit: int,
    is_compiled: bool = False,
) -> Interests:
    """At most `limit` interests of each user. Entry i is user users[i]'s (ascending): row rows[i] of vectors (v, d; unit
    rows) with weights[i] > 0.

    The start is deterministic: the heaviest item, then again and again the one with the largest weight * distance to
    the nearest start, until all lie within SAME_INTEREST of one. So a homogeneous history has one interest.
    is_compiled: by a compiled loop, which finds the same but for last bits. O(l^2 d + rounds * l^2 * limit) time a user of l
    items; memory O(entries), and a block of users (compiled: limit vectors of every user).
    """
    starts = run_starts(users)
    sizes = np.diff(np.r_[starts, len(users)])
    if is_compiled:
        return _find_compiled(vectors, rows, weights, users[starts], starts, sizes, limit)
    width = int(sizes.max(initial=1))
    step = max(1, BLOCK_CELLS // (width * max(1, vectors.shape[1])))
    parts = [
        _find_block(vectors, rows, weights, starts[start : start + step], sizes[start : start + step], width, limit)
        for start in range(0, len(starts), step)
    ]
    owners = [users[starts[number * step + rows_of]] for number, (rows_of, _, _) in enumerate(parts)]
    return Interests(
        np.concatenate([np.empty((0, vectors.shape[1]), np.float32), *(part[1] for part in parts)]),
        np.concatenate([np.empty(0), *(part[2] for part in parts)]),
        np.concatenate([np.empty(0, np.int64), *owners]),
    )


def _find_compiled(
    vectors: FloatMatrix,
    rows: IntVector,
    weights: FloatVector,
    owners: IntVector,
    starts: IntVector,
    sizes: IntVector,
    limit: int,
) -> Interests:
    from tasks.retrieval.interest_kernel import sum_up_users

    centroids = np.empty((len(starts), limit, vectors.shape[1]), dtype=np.float32)
    shares = np.zeros((len(starts), limit))
    sum_up_users(vectors, rows, weights, starts, sizes, SAME_INTEREST, 10.0**DECIMALS, ROUNDS, centroids, shares)
    places = np.nonzero(shares > 0)
    return Interests(centroids[places], shares[places], owners[places[0]])


def _find_block(
    vectors: FloatMatrix,
    rows: IntVector,
    weights: FloatVector,
    starts: IntVector,
    sizes: IntVector,
    width: int,
    limit: int,
) -> tuple[IntVector, FloatMatrix, FloatVector]:
    """(user of the block, centroid, share) of each interest. Users are padded to `width` items, of weight 0."""
    is_there = np.arange(width) < sizes[:, None]
    places = np.where(is_there, starts[:, None] + np.arange(width), starts[:, None])
    precise = vectors[rows[places]].astype(np.float64)
    precise[~is_there] = 0.0
    heavy = np.where(is_there, weights[places], 0.0)
    heavy = heavy / heavy.max(axis=1, keepdims=True)
    cosines = np.round(precise @ precise.transpose(0, 2, 1), DECIMALS)
    nearest = _with_starts(cosines, heavy, limit).argmax(axis=2)
    for _ in range(ROUNDS):
        again = _cosines_with_sums(cosines, _members(nearest, heavy, limit)).argmax(axis=2)
        if np.array_equal(again, nearest):
            break
        nearest = again
    members = _members(nearest, heavy, limit)
    sums = members.transpose(0, 2, 1) @ precise
    lengths = np.sqrt(np.einsum("ukd,ukd->uk", sums, sums))
    shares = np.where(lengths > 10.0**-DECIMALS, members.sum(axis=1), 0.0)
    users, places = np.nonzero(shares > 0)
    total = np.maximum(shares.sum(axis=1), np.finfo(np.float64).tiny)
    centroids = sums[users, places] / lengths[users, places, None]
    return users, centroids.astype(np.float32), shares[users, places] / total[users]


def _with_starts(cosines: FloatVector, weights: FloatVector, limit: int) -> FloatVector:
    """(u, l, limit): the cosine of each item and each of the user's starts, -inf beyond the last of these."""
    n_users = len(cosines)
    found = np.full((*cosines.shape[:2], limit), -np.inf)
    chosen, goes_on = weights.argmax(axis=1), np.ones(n_users, dtype=np.bool_)
    nearest = np.full(cosines.shape[:2], -np.inf)
    for turn in range(limit):
        latest = np.where(goes_on[:, None], cosines[np.arange(n_users), :, chosen], -np.inf)
        found[:, :, turn] = latest
        nearest = np.maximum(nearest, latest)
        gain = np.where(nearest < SAME_INTEREST, weights * (1.0 - nearest), 0.0)
        chosen = gain.argmax(axis=1)
        goes_on &= gain[np.arange(n_users), chosen] > 0.0
        if not goes_on.any():
            break
    return found


def _members(nearest: IntVector, weights: FloatVector, limit: int) -> FloatVector:
    """(u, l, limit): an item's weight in the cluster to which it belongs."""
    return np.asarray((nearest[:, :, None] == np.arange(limit)) * weights[:, :, None])


def _cosines_with_sums(cosines: FloatVector, members: FloatVector) -> FloatVector:
    """(u, l, k) the cosine of each item and the weighted sum of each cluster's members; -inf of an empty one."""
    dots = cosines @ members
    squares = np.einsum("ulk,ulk->uk", members, dots)
    lengths = np.sqrt(np.maximum(squares, 0.0))
    is_somewhere = (lengths > 10.0**-DECIMALS)[:, None, :]
    scaled = dots / np.where(is_somewhere, lengths[:, None, :], 1.0)
    return np.asarray(np.round(np.where(is_somewhere, scaled, -np.inf), DECIMALS), dtype=np.float64)
