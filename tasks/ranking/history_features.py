"""What a user's history says of an item: nearness, familiarity, taste in popularity and age."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.contracts.compiled import COMPILED_ITEMS
from tasks.ranking.inputs import (
    BoolVector,
    CatalogArrays,
    FloatVector,
    IntVector,
    PairRows,
    ShardArrays,
)
from tasks.ranking.pair_runs import find_runs

NEWEST = 100
"""History entries of a user that are compared with each candidate."""

DECIMALS = 6

COSINE_NAMES = ("history_max_cosine", "history_mean_cosine", "disliked_max_cosine")


def history_cosines(shard: ShardArrays, catalog: CatalogArrays, rows: PairRows) -> dict[str, FloatVector]:
    """Cosines of items and the user's newest history items: highest and mean of the liked, highest of the disliked.

    NaN where there is nothing to compare. O(pairs * min(history, NEWEST) * d); memory O(pairs), and one user's cosines.
    """
    users, entries = newest_entries(shard)
    has_vector = _has_vector(shard, catalog, entries)
    users, entries = users[has_vector], entries[has_vector]
    is_liked = shard.history_weights[entries] > 0
    liked = compare_histories(shard, catalog, rows, users=users[is_liked], entries=entries[is_liked])
    disliked = compare_histories(shard, catalog, rows, users=users[~is_liked], entries=entries[~is_liked])
    found = (liked.best, np.round(liked.mean, DECIMALS), disliked.best)
    has_cosine = catalog.has_vector[rows.items]
    return {name: np.where(has_cosine, values, np.nan) for name, values in zip(COSINE_NAMES, found, strict=True)}


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


@dataclass(frozen=True)
class Comparison:
    """Of each pair's item and the user's entries the highest cosine (rounded), the mean of all, and the first entry that has
    the highest; NaN, NaN and -1 where there is nothing to compare.
    """

    best: FloatVector
    mean: FloatVector
    nearest: IntVector


def compare_histories(
    shard: ShardArrays, catalog: CatalogArrays, rows: PairRows, *, users: IntVector, entries: IntVector
) -> Comparison:
    """Each pair with all entries of its user; entry i is user users[i]'s (ascending). A shard's borders change no digit.

    One product of two matrices a user; in a catalog of COMPILED_ITEMS or more a compiled loop, which stops no other thread.
    """
    runs = find_runs(rows.users)
    firsts, stops = np.searchsorted(users, runs.users), np.searchsorted(users, runs.users, side="right")
    best, mean = np.full((2, len(rows)), np.nan)
    nearest = np.full(len(rows), -1)
    history_rows = shard.history_rows[entries]
    if len(entries) and len(catalog.vectors) >= COMPILED_ITEMS:
        from tasks.ranking.history_kernel import compare_runs

        compare_runs(
            catalog.vectors, rows.items, runs.order, runs.starts, runs.sizes, shard.item_vectors, history_rows, firsts, stops,
            10.0**DECIMALS, best, mean, nearest,
        )  # fmt: skip
    else:
        bounds = (firsts, stops, runs.starts, runs.starts + runs.sizes)
        for first, stop, start, end in zip(*(bound.tolist() for bound in bounds), strict=True):
            if first < stop:
                pairs = runs.order[start:end]
                # Entry by entry: a row of pairs is added to another, which is faster than each pair on its own.
                dots = shard.item_vectors[history_rows[first:stop]] @ catalog.vectors[rows.items[pairs]].T
                mean[pairs] = np.add.reduce(dots, axis=0, dtype=np.float64) / (stop - first)
                rounded = np.round(dots.astype(np.float64), DECIMALS)
                best[pairs], nearest[pairs] = rounded.max(axis=0), first + rounded.argmax(axis=0)
    return Comparison(best, mean, np.where(nearest >= 0, entries[nearest] if len(entries) else -1, -1))


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
