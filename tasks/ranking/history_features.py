"""What a user's history says of an item: nearness, familiarity, taste in popularity and age."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tasks.ranking.inputs import (
    BoolVector,
    CatalogArrays,
    FloatMatrix,
    FloatVector,
    IntMatrix,
    IntVector,
    PairRows,
    ShardArrays,
)
from tasks.ranking.pair_runs import UserRuns, find_runs

NEWEST = 100
"""History entries of a user that are compared with each candidate."""

BLOCK_DOTS = 1_000_000
DECIMALS = 6

COSINE_NAMES = ("history_max_cosine", "history_mean_cosine", "disliked_max_cosine")


def history_cosines(shard: ShardArrays, catalog: CatalogArrays, rows: PairRows) -> dict[str, FloatVector]:
    """Cosines of items and the user's newest history items: highest and mean of the liked, highest of the disliked.

    NaN where there is nothing to compare. O(pairs * min(history, NEWEST) * d); memory BLOCK_DOTS cosines, or one user's.
    """
    found = {name: np.full(len(rows), np.nan) for name in COSINE_NAMES}
    users, entries = newest_entries(shard)
    has_vector = np.asarray(shard.item_vectors.any(axis=1))[shard.history_rows[entries]]
    users, entries = users[has_vector], entries[has_vector]
    is_liked = shard.history_weights[entries] > 0
    runs = find_runs(rows.users)
    for chosen, names_of in ((is_liked, COSINE_NAMES[:2]), (~is_liked, COSINE_NAMES[2:])):
        for places, best, mean in _compare(shard, catalog, rows, runs, users[chosen], entries[chosen]):
            for name, values in zip(names_of, (best, mean), strict=False):
                found[name][places] = values
    has_cosine = catalog.has_vector[rows.items]
    return {name: np.where(has_cosine, np.round(values, DECIMALS), np.nan) for name, values in found.items()}


def newest_entries(shard: ShardArrays) -> tuple[IntVector, IntVector]:
    """(user rows, history entries): each user's NEWEST entries, newest first."""
    users = np.repeat(np.arange(len(shard.user_ids)), np.diff(shard.indptr))
    place = np.arange(len(users)) - np.repeat(shard.indptr[:-1], np.diff(shard.indptr))
    kept = np.flatnonzero(place < NEWEST)
    return users[kept], kept


def _compare(
    shard: ShardArrays, catalog: CatalogArrays, rows: PairRows, runs: UserRuns, users: IntVector, entries: IntVector
) -> Iterator[tuple[IntVector, FloatVector, FloatVector]]:
    """(pairs, their highest and their mean cosine with the user's entries), some users at a time."""
    first = np.searchsorted(users, runs.users)
    n_entries = np.searchsorted(users, runs.users, side="right") - first
    items = rows.items[runs.order]
    # Users with as many pairs make a matrix: a row an entry, a column a pair.
    for size in np.unique(runs.sizes[n_entries > 0]).tolist():
        alike = np.flatnonzero((runs.sizes == size) & (n_entries > 0))
        block = np.cumsum(n_entries[alike]) * size // BLOCK_DOTS
        for part in np.split(alike, np.flatnonzero(np.diff(block)) + 1):
            counts = n_entries[part]
            ends = np.cumsum(counts)
            mine = np.repeat(first[part] - (ends - counts), counts) + np.arange(ends[-1])
            dots = _dots_by_user(
                shard.item_vectors[shard.history_rows[entries[mine]]],
                ends,
                catalog.vectors,
                items[runs.starts[part][:, None] + np.arange(size)],
            )
            best = np.maximum.reduceat(dots, ends - counts, axis=0)
            mean = np.add.reduceat(dots, ends - counts, axis=0, dtype=np.float64) / counts[:, None]
            places = runs.order[runs.starts[part][:, None] + np.arange(size)]
            yield places.ravel(), best.ravel(), mean.ravel()


def _dots_by_user(history: FloatMatrix, ends: IntVector, vectors: FloatMatrix, items: IntMatrix) -> FloatMatrix:
    """Dots of each user's history vectors, rows of `history` up to `ends`, with their items, a row of `items`; (entries, items).

    One product of two matrices a user: a shard's borders don't change a digit, and the items' vectors are read once.
    """
    dots = np.empty((len(history), items.shape[1]), dtype=np.float32)
    start = 0
    for end, mine in zip(ends.tolist(), items, strict=True):
        np.matmul(history[start:end], vectors[mine].T, out=dots[start:end])
        start = end
    return dots


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
