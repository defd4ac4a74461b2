"""Pairs user by user, and the labels of their items: what the features add up over without a loop over users."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from tasks.ranking.inputs import BoolVector, FloatVector, IntVector, PairRows

DENSE_CELLS = 8_000_000
"""Up to so many cells a table is looked up as it is; larger ones by the places of what they hold."""

COMPILED_PAIRS = 300_000
"""From so many on a loop over their entries is compiled, which needs no array of all entries; the sums are the same."""


@dataclass(frozen=True)
class UserRuns:
    """order (r,) lays each user's pairs side by side: run i is of user users[i], begins at starts[i], and has sizes[i] pairs.

    is_ordered: they lie so already, and order changes nothing.
    """

    order: IntVector
    users: IntVector
    starts: IntVector
    sizes: IntVector
    is_ordered: bool


@dataclass(frozen=True)
class LabelEntries:
    """The labels of each pair's item: entry e says that the item of pair pairs[e] (ascending) has columns[e] by shares[e]."""

    n_pairs: int
    pairs: IntVector
    columns: IntVector
    shares: FloatVector

    def sum_up(self, values: FloatVector) -> FloatVector:
        """(r,) the sum of values (one an entry) over each pair's entries; 0 for a pair without one."""
        return np.asarray(np.bincount(self.pairs, weights=values, minlength=self.n_pairs), dtype=np.float64)

    def has_any(self) -> BoolVector:
        """(r,) which pairs have an entry."""
        return np.bincount(self.pairs, minlength=self.n_pairs) > 0


def find_runs(users: IntVector) -> UserRuns:
    """The runs of users (r,), by user; pairs that lie by user already stay where they are. O(r)."""
    is_sorted = not bool((users[1:] < users[:-1]).any())
    order = np.arange(len(users)) if is_sorted else np.argsort(users, kind="stable")
    found = users if is_sorted else users[order]
    starts = np.flatnonzero(np.r_[True, found[1:] != found[:-1]][: len(found)])
    return UserRuns(order, found[starts], starts, np.diff(np.r_[starts, len(found)]), is_sorted)


def find_entries(matrix: sparse.csr_matrix, rows: PairRows) -> LabelEntries:
    """The entries of the items of rows in matrix (n, l). O(entries)."""
    starts = matrix.indptr[rows.items].astype(np.int64)
    lengths = matrix.indptr[rows.items + 1] - starts
    if lengths.max(initial=0) <= 1:
        pairs = np.flatnonzero(lengths)
        places = starts[pairs]
    else:
        pairs = np.repeat(np.arange(len(rows)), lengths)
        places = np.arange(len(pairs)) + np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
    return LabelEntries(
        len(rows), pairs, matrix.indices[places].astype(np.int64), matrix.data[places].astype(np.float64)
    )


def sum_entries(matrix: sparse.csr_matrix, rows: PairRows, table: FloatVector) -> FloatVector:
    """(r,) of each pair the sum over its item's entries in matrix (n, l) of the entry times table[user, column], table (u, l).

    O(entries of the pairs' items); from COMPILED_PAIRS on memory O(r), else O(entries).
    """
    if len(rows) < COMPILED_PAIRS:
        entries = find_entries(matrix, rows)
        return entries.sum_up(entries.shares * table[rows.users[entries.pairs], entries.columns])
    from tasks.ranking.pair_kernel import add_entries

    sums = np.empty(len(rows))
    add_entries(matrix.indptr, matrix.indices, matrix.data, rows.users, rows.items, np.ascontiguousarray(table), sums)
    return sums


def look_up(table: sparse.csr_matrix, rows: IntVector, columns: IntVector) -> FloatVector:
    """table[rows[i], columns[i]] for each i; 0 where it holds nothing. O(values), log entries where the table is large."""
    if table.shape[0] * table.shape[1] <= DENSE_CELLS:
        return np.asarray(table.toarray()[rows, columns], dtype=np.float64)
    ordered = table.tocsr().sorted_indices()
    owners = np.repeat(np.arange(table.shape[0], dtype=np.int64), np.diff(ordered.indptr))
    keys = owners * table.shape[1] + ordered.indices
    wanted = rows * table.shape[1] + columns
    places = np.minimum(np.searchsorted(keys, wanted), max(0, len(keys) - 1))
    if not len(keys):
        return np.zeros(len(wanted))
    return np.where(keys[places] == wanted, ordered.data[places], 0.0)
