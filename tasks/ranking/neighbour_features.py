"""How often an item was chosen together with the items of the user's history: recently liked, any liked, disliked."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from tasks.ranking.inputs import BoolVector, FloatVector, IntVector, PairRows, ShardArrays
from tasks.ranking.pair_runs import find_entries

HALF_LIFE_PLACES = 10.0
"""A liked item's weight halves with every so many newer ones."""

NEWEST = 100
"""Entries of a user's history that count."""


MARK_BITS = 22


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
    users = np.repeat(np.arange(len(shard.user_ids)), np.diff(shard.indptr))
    entries = np.flatnonzero(chosen)
    has_history = np.bincount(users[entries], minlength=len(shard.user_ids)) > 0
    found = find_entries(neighbours, PairRows(users[entries], shard.history_items[entries]))
    keys, order = np.unique(rows.users * neighbours.shape[0] + rows.items, return_inverse=True)
    total = np.zeros(len(keys))
    # A pair is looked for only where a mark says that it may be among the candidates: most neighbours are not.
    marks = np.zeros(1 << MARK_BITS, dtype=np.bool_)
    marks[_mark(keys)] = True
    wanted = users[entries][found.pairs] * neighbours.shape[0] + found.columns
    maybe = np.flatnonzero(marks[_mark(wanted)])
    places = np.minimum(np.searchsorted(keys, wanted[maybe]), max(0, len(keys) - 1))
    is_there = keys[places] == wanted[maybe] if len(keys) else places > 0
    places, maybe = places[is_there], maybe[is_there]
    if weights is None:
        np.maximum.at(total, places, found.shares[maybe])
    else:
        terms = weights[entries[found.pairs[maybe]]] * found.shares[maybe]
        total += np.bincount(places, weights=terms, minlength=len(keys))
    known = has_history[rows.users]
    values[known] = total[order[known]]
    return np.round(values, 6)


def _mark(keys: IntVector) -> IntVector:
    """A number of MARK_BITS bits for each key, spread evenly (Knuth's multiplicative hashing)."""
    return np.asarray((keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - MARK_BITS)).astype(
        np.int64
    )
