"""What a user's history says of an item: nearness, familiarity, taste in popularity and age."""

from __future__ import annotations

import numpy as np

from tasks.ranking.inputs import CatalogArrays, FloatVector, IntVector, PairRows, ShardArrays

NEWEST = 100
"""History entries of a user that are compared with each candidate."""


def history_cosines(shard: ShardArrays, catalog: CatalogArrays, rows: PairRows) -> dict[str, FloatVector]:
    """Cosines of items and the user's newest history items: highest and mean of the liked, highest of the disliked.

    NaN where there is nothing to compare. O(pairs * min(history, NEWEST) * d), one small product a user.
    """
    names = ("history_max_cosine", "history_mean_cosine", "disliked_max_cosine")
    found = {name: np.full(len(rows), np.nan) for name in names}
    order = np.argsort(rows.users, kind="stable")
    bounds = np.searchsorted(rows.users[order], np.arange(len(shard.user_ids) + 1))
    has_vector = np.einsum("ij,ij->i", shard.item_vectors, shard.item_vectors) > 0
    for user in np.unique(rows.users):
        places = order[bounds[user] : bounds[user + 1]]
        places = places[catalog.has_vector[rows.items[places]]]
        entries = np.arange(shard.indptr[user], min(shard.indptr[user + 1], shard.indptr[user] + NEWEST))
        entries = entries[has_vector[shard.history_rows[entries]]]
        if not len(places) or not len(entries):
            continue
        cosines = catalog.vectors[rows.items[places]] @ shard.item_vectors[shard.history_rows[entries]].T
        is_liked = shard.history_weights[entries] > 0
        if is_liked.any():
            found["history_max_cosine"][places] = cosines[:, is_liked].max(axis=1)
            found["history_mean_cosine"][places] = cosines[:, is_liked].mean(axis=1)
        if not is_liked.all():
            found["disliked_max_cosine"][places] = cosines[:, ~is_liked].max(axis=1)
    return {name: np.round(values, 6) for name, values in found.items()}


def mean_over_liked(shard: ShardArrays, values: FloatVector) -> FloatVector:
    """(u,) mean of values (n,) over each user's liked items of this catalog; NaN values are left out, NaN for none."""
    users = np.repeat(np.arange(len(shard.user_ids)), np.diff(shard.indptr))
    items: IntVector = shard.history_items
    known = (shard.history_weights > 0) & (items >= 0)
    known &= np.isfinite(np.where(known, values[items], np.nan)) if len(values) else False
    n_users = len(shard.user_ids)
    sums = np.bincount(users[known], weights=values[items[known]], minlength=n_users)
    counts = np.bincount(users[known], minlength=n_users).astype(np.float64)
    means: FloatVector = np.divide(sums, counts, out=np.full(n_users, np.nan), where=counts > 0)
    return means
