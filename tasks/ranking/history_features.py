"""What a user's history says of an item: nearness, familiarity, taste in popularity and age."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tasks.ranking.inputs import (
    BoolVector,
    CatalogArrays,
    FloatMatrix,
    FloatVector,
    IntVector,
    PairRows,
    ShardArrays,
)
from tasks.ranking.pair_runs import UserRuns, find_runs

NEWEST = 100
"""History entries of a user that are compared with each candidate."""

DECIMALS = 6

COSINE_NAMES = ("history_max_cosine", "history_mean_cosine", "disliked_max_cosine")


def history_cosines(shard: ShardArrays, catalog: CatalogArrays, rows: PairRows) -> dict[str, FloatVector]:
    """Cosines of items and the user's newest history items: highest and mean of the liked, highest of the disliked.

    NaN where there is nothing to compare. O(pairs * min(history, NEWEST) * d); memory O(pairs), and one user's cosines.
    """
    found = {name: np.full(len(rows), np.nan) for name in COSINE_NAMES}
    users, entries = newest_entries(shard)
    has_vector = _has_vector(shard, catalog, entries)
    users, entries = users[has_vector], entries[has_vector]
    is_liked = shard.history_weights[entries] > 0
    runs = find_runs(rows.users)
    for chosen, names_of in ((is_liked, COSINE_NAMES[:2]), (~is_liked, COSINE_NAMES[2:])):
        for places, best, mean in _compare(shard, catalog, rows, runs, users[chosen], entries[chosen]):
            for name, values in zip(names_of, (best, mean), strict=False):
                found[name][places] = values
    has_cosine = catalog.has_vector[rows.items]
    return {name: np.where(has_cosine, np.round(values, DECIMALS), np.nan) for name, values in found.items()}


def _has_vector(shard: ShardArrays, catalog: CatalogArrays, entries: IntVector) -> BoolVector:
    """Which of the history entries have a vector. Those of other catalogs are looked at; the catalog knows its own."""
    items = shard.history_items[entries]
    found = (items >= 0) & catalog.has_vector[items] if len(catalog.has_vector) else np.zeros(len(items), np.bool_)
    foreign = np.flatnonzero(items < 0)
    found[foreign] = shard.item_vectors[shard.history_rows[entries[foreign]]].any(axis=1)
    return found


def newest_entries(shard: ShardArrays) -> tuple[IntVector, IntVector]:
    """(user rows, history entries): each user's NEWEST entries, newest first."""
    users = np.repeat(np.arange(len(shard.user_ids)), np.diff(shard.indptr))
    place = np.arange(len(users)) - np.repeat(shard.indptr[:-1], np.diff(shard.indptr))
    kept = np.flatnonzero(place < NEWEST)
    return users[kept], kept


def _compare(
    shard: ShardArrays, catalog: CatalogArrays, rows: PairRows, runs: UserRuns, users: IntVector, entries: IntVector
) -> Iterator[tuple[IntVector, FloatVector, FloatVector]]:
    """(pairs, their highest and their mean cosine with the user's entries), a user at a time."""
    for places, mine, dots in dots_by_user(shard, catalog, rows, runs, users=users, entries=entries):
        # Entry by entry: a row of pairs is added to another, which is faster than each pair on its own.
        by_entry = np.ascontiguousarray(dots.T)
        mean = np.add.reduce(by_entry, axis=0, dtype=np.float64) / len(mine)
        yield places, by_entry.max(axis=0), mean


def dots_by_user(
    shard: ShardArrays,
    catalog: CatalogArrays,
    rows: PairRows,
    runs: UserRuns,
    *,
    users: IntVector,
    entries: IntVector,
) -> Iterator[tuple[IntVector, IntVector, FloatMatrix]]:
    """(pairs, history entries, their dots (pairs, entries)) of each user who has both. Entry i is user users[i]'s (ascending).

    One product of two matrices a user: a shard's borders don't change a digit, and each item's vector is read once.
    """
    firsts, stops = np.searchsorted(users, runs.users), np.searchsorted(users, runs.users, side="right")
    bounds = (firsts, stops, runs.starts, runs.starts + runs.sizes)
    for first, stop, start, end in zip(*(bound.tolist() for bound in bounds), strict=True):
        if first < stop:
            places, mine = runs.order[start:end], entries[first:stop]
            history = shard.item_vectors[shard.history_rows[mine]]
            yield places, mine, catalog.vectors[rows.items[places]] @ history.T


def mean_over_liked(shard: ShardArrays, values: FloatVector) -> FloatVector:
    """(u,) mean of values (n,) over each user's liked items of this catalog; NaN values are left out, NaN for none."""
    users = np.repeat(np.arange(len(shard.user_ids)), np.diff(shard.indptr))
    items: IntVector = shard.history_items
    known: BoolVector = (shard.history_weights > 0) & (items >= 0)
    known &= np.isfinite(np.where(known, values[items], np.nan)) if len(values) else False
    n_users = len(shard.user_ids)
    sums = np.bincount(users[known], weights=values[items[known]], minlength=n_users)
    counts = np.bincount(users[known], minlength=n_users).astype(np.float64)
    means: FloatVector = np.divide(sums, counts, out=np.full(n_users, np.nan), where=counts > 0)
    return means
