"""How often an item was chosen together with the items of the user's history: recently liked, any liked, disliked."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from tasks.ranking.inputs import BoolVector, FloatVector, PairRows, ShardArrays

HALF_LIFE_PLACES = 10.0
"""A liked item's weight halves with every so many newer ones."""

NEWEST = 100
"""Entries of a user's history that count."""


def neighbour_sums(shard: ShardArrays, neighbours: sparse.csr_matrix | None, rows: PairRows) -> dict[str, FloatVector]:
    """neighbour_recent, neighbour_max and neighbour_disliked of each pair; NaN where the user has no such history.

    recent and disliked are sums of similarities, recent weighs a liked item 0.5 ** (newer items / HALF_LIFE_PLACES).
    O(neighbours of the shard's history items + pairs).
    """
    if neighbours is None:
        return {
            name: np.full(len(rows), np.nan) for name in ("neighbour_recent", "neighbour_max", "neighbour_disliked")
        }
    place = np.arange(len(shard.history_items)) - np.repeat(shard.indptr[:-1], np.diff(shard.indptr))
    counted = (shard.history_items >= 0) & (place < NEWEST)
    liked, disliked = counted & (shard.history_weights > 0), counted & (shard.history_weights <= 0)
    recency = np.exp2(-place / HALF_LIFE_PLACES)
    return {
        "neighbour_recent": _gather(shard, neighbours, rows, chosen=liked, weights=recency),
        "neighbour_max": _gather(shard, neighbours, rows, chosen=liked, weights=None),
        "neighbour_disliked": _gather(shard, neighbours, rows, chosen=disliked, weights=np.ones(len(place))),
    }


def _gather(
    shard: ShardArrays,
    neighbours: sparse.csr_matrix,
    rows: PairRows,
    *,
    chosen: BoolVector,
    weights: FloatVector | None,
) -> FloatVector:
    """For each pair the weighted sum (weights None: the maximum) of the similarities of the chosen entries."""
    values = np.full(len(rows), np.nan)
    order = np.argsort(rows.users, kind="stable")
    bounds = np.searchsorted(rows.users[order], np.arange(len(shard.user_ids) + 1))
    total = np.zeros(neighbours.shape[0])
    for user in np.unique(rows.users):
        entries = np.arange(shard.indptr[user], shard.indptr[user + 1])
        entries = entries[chosen[entries]]
        if not len(entries):
            continue
        table = neighbours[shard.history_items[entries]]
        found, similarity = table.indices.astype(np.intp), table.data.astype(np.float64)
        if weights is None:
            np.maximum.at(total, found, similarity)
        else:
            np.add.at(total, found, np.repeat(weights[entries], np.diff(table.indptr)) * similarity)
        places = order[bounds[user] : bounds[user + 1]]
        values[places] = total[rows.items[places]]
        total[found] = 0.0
    return np.round(values, 6)
