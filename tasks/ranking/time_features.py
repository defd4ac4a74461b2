"""When an item was chosen, against when the user was there: people meet what is on show while they look.

In many catalogs what was popular, or new, in the days when a user was active is what they met. All of it is as of the
day: choices after as_of, and those that a fold holds out, are in neither the history nor the facts.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy import sparse

from tasks.ranking.feature import Feature
from tasks.ranking.inputs import FloatVector, ItemFacts, PairRows, ShardArrays
from tasks.ranking.pair_runs import sum_entries
from tasks.ranking.source_features import standardise_column

KERNEL_DAYS = 20
"""A day of activity counts for the days around it with a weight that falls to 0 over so many days."""

PRIOR_CHOICES = 25.0
"""The share of an item among the choices around is drawn to its share among all, as if so many choices were made so."""

BLOCK_ITEMS = 4096
COST_OF_ENTRY = 50
"""What one choice costs to be looked up and added, in multiplications of a product of matrices."""

DECIMALS = 9

TIME_FEATURES: tuple[Feature, ...] = (
    Feature(
        "popularity_then",
        "log of how much more of the choices around the days of the user's activity the item has than of all",
        "interactions",
        "history with times",
    ),
    Feature(
        "popularity_then_z",
        "its share of the choices around these days, in the user's standard deviations",
        "interactions",
        "history with times",
    ),
    Feature(
        "first_chosen_gap_days",
        "days from the item's first known choice to the user's newest interaction; below 0: it came after the user left",
        "interactions",
        "history, item was chosen, times are known",
    ),
    Feature("history_age_days", "age of the user's newest interaction", "interactions", "history"),
    Feature("history_span_days", "days between the user's oldest and newest interaction", "interactions", "history"),
)


def time_columns(
    candidates: pl.DataFrame, shard: ShardArrays, facts: ItemFacts, rows: PairRows
) -> dict[str, FloatVector]:
    """The columns of TIME_FEATURES. O(pairs * days on which an item was chosen); memory O(users * days)."""
    newest, oldest = _activity_bounds(shard)
    share, overall = _shares_then(shard, facts, rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        lift = np.where(overall > 0, np.log(share / overall), np.nan)
    return {
        "popularity_then": lift,
        "popularity_then_z": standardise_column(candidates, share, rows),
        "first_chosen_gap_days": facts.first_age[rows.items] - newest[rows.users],
        "history_age_days": newest[rows.users],
        "history_span_days": (oldest - newest)[rows.users],
    }


def _activity_bounds(shard: ShardArrays) -> tuple[FloatVector, FloatVector]:
    """(u,) ages of each user's newest and oldest interaction; NaN without a history. Histories lie newest first."""
    starts, ends = shard.indptr[:-1], shard.indptr[1:]
    has_history = ends > starts
    newest, oldest = np.full(len(starts), np.nan), np.full(len(starts), np.nan)
    newest[has_history] = shard.history_ages[starts[has_history]]
    oldest[has_history] = shard.history_ages[ends[has_history] - 1]
    return newest, oldest


def _shares_then(shard: ShardArrays, facts: ItemFacts, rows: PairRows) -> tuple[FloatVector, FloatVector]:
    """For each pair the item's share of the choices around the user's days, smoothed, and its share of all choices."""
    daily = facts.daily
    if daily is None or not daily.nnz:
        return np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    n_days = daily.shape[1]
    activity = _activity(shard, n_days)
    overall = facts.n_dated / facts.n_dated.sum()
    around = activity @ np.asarray(facts.n_a_day, dtype=np.float64)
    found = np.round(_choices_then(activity, daily, rows), DECIMALS)
    prior = PRIOR_CHOICES * overall[rows.items]
    share = (found + prior) / (around[rows.users] + PRIOR_CHOICES)
    is_known = around[rows.users] > 0
    return np.where(is_known, share, np.nan), overall[rows.items]


def _choices_then(activity: FloatVector, daily: sparse.csr_matrix, rows: PairRows) -> FloatVector:
    """For each pair the sum over days of activity[user, day] * daily[item, day].

    Items of which there is more to add up than a product of matrices costs are multiplied, all others added up.
    """
    is_dense = np.bincount(rows.items, minlength=daily.shape[0]) * np.diff(daily.indptr) * COST_OF_ENTRY > activity.size
    found = np.zeros(len(rows))
    is_multiplied = is_dense[rows.items]
    added = np.flatnonzero(~is_multiplied)
    found[added] = sum_entries(daily, PairRows(rows.users[added], rows.items[added]), activity)
    dense = np.flatnonzero(is_dense)
    multiplied = np.flatnonzero(is_multiplied)
    columns = (np.cumsum(is_dense) - 1)[rows.items[multiplied]]
    for start in range(0, len(dense), BLOCK_ITEMS):
        product = activity @ daily[dense[start : start + BLOCK_ITEMS]].toarray().T
        mine = np.flatnonzero((columns >= start) & (columns < start + BLOCK_ITEMS))
        pairs = multiplied[mine]
        found[pairs] = product[rows.users[pairs], columns[mine] - start]
    return found


def _activity(shard: ShardArrays, n_days: int) -> FloatVector:
    """(u, days): how each user's history entries are spread over the days; all of a user's entries together weigh 1."""
    users = np.repeat(np.arange(len(shard.user_ids)), np.diff(shard.indptr))
    days = np.minimum(shard.history_ages, n_days - 1).astype(np.int64)
    own = shard.history_items >= 0
    counts = sparse.csr_matrix((np.ones(own.sum()), (users[own], days[own])), shape=(len(shard.user_ids), n_days))
    totals = np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1.0)
    return np.asarray(_spread(counts) / totals[:, None])


def _spread(days: sparse.csr_matrix) -> FloatVector:
    """days (u, n) with each day's weight given to the days around it too: 1 on the day, falling to 0 at KERNEL_DAYS."""
    n_days = days.shape[1]
    width = min(KERNEL_DAYS, n_days)
    offsets = np.arange(1 - width, width)
    triangle = 1.0 - np.abs(offsets) / KERNEL_DAYS
    kernel = sparse.diags_array(triangle, offsets=offsets, shape=(n_days, n_days), format="csr")
    return np.asarray((days @ kernel).toarray())
