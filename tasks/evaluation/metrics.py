"""Metrics of lists against graded labels, one row a user, all users at once.

Let a user's list have ranks 1, 2, ...; g_i be the grade of item i, r_i its rank, relevant: g_i >= relevant_grade,
p_i the probability with which the pair was sampled for judgement (1 where all is known). Sums run over labelled items.

    dcg@k        sum over r_i <= k of gain(g_i) / (log2(r_i + 1) p_i)
    ndcg@k       dcg@k / ideal dcg@k; the ideal holds ALL labelled items of the user, retrieved or not (see gains)
    precision@k  sum over relevant r_i <= k of 1 / p_i, divided by k
    recall@k     the same sum, divided by R = sum over all relevant of 1 / p_i
    map@k        sum over relevant r_i <= k of (1 + sum over relevant r_j < r_i of 1 / p_j) / (r_i p_i),
                 divided by min(k, R), and by at least 1
    mrr@k        1 / r of the first item known to be relevant, 0 if r > k
    hit_rate@k   1 if a known relevant item has r <= k, else 0

With p_i = 1 these are the ordinary metrics. With p_i < 1 they are Horvitz-Thompson estimates (Horvitz and Thompson
1952; for retrieval Yilmaz and Aslam 2006) for samples drawn pair by pair, independently of the lists: dcg and precision
are unbiased, so is the numerator of map; ndcg, recall and map are ratios of such estimates, so a single user's value
may exceed 1 and only means over users say anything. mrr and hit_rate can't be reweighted: they count what is known,
a lower bound. Unlabelled items count as grade 0. A user none of whose relevant items was sampled can't be told from one
who has none and is left out, which flatters every system alike where few pairs a user are labelled.

Ties: evaluate_scores gives the expectation of each metric over all orders of the items with equal scores, in closed form
(McSherry and Najork 2008). Gaps: a rank that nobody holds counts as an item that is not relevant. Users without a list
count as 0 everywhere; lists of users without a relevant label are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.evaluation.gains import Gain, gain_of, ideal_dcg, summed_discounts
from tasks.evaluation.hits import Hits, Pool, find_ranked_hits, find_scored_hits, read_pool

CUTOFFS = (1, 5, 10)
METRICS = ("ndcg", "precision", "recall", "map", "mrr", "hit_rate")
FloatVector = NDArray[np.float64]


@dataclass(frozen=True)
class Evaluation:
    """per_user: user_id, then `<metric>@<k>` (f64), one row an evaluated user, in the order of user ids.

    A user is evaluated who has a relevant item among the labels; n_without_relevant of those with labels have none and
    are left out. n_without_list of the evaluated users have no list and count as 0 everywhere.
    """

    per_user: pl.DataFrame
    n_without_relevant: int
    n_without_list: int

    @property
    def metric_names(self) -> list[str]:
        return self.per_user.columns[1:]


def evaluate_lists(
    lists: pl.DataFrame,
    qrels: pl.DataFrame,
    *,
    cutoffs: Sequence[int] = CUTOFFS,
    relevant_grade: int = 2,
    gain: Gain = "exponential",
) -> Evaluation:
    """All METRICS at all cutoffs for each user.

    lists: user_id, item_id, rank (from 1, no rank twice a user). qrels: user_id, item_id, grade (0 to 60) and, where
    pairs were sampled, sampling_probability in (0, 1].
    Raises StepError on values outside these ranges. O(rows log rows).
    """
    pool = read_pool(qrels, relevant_grade=relevant_grade)
    return _evaluate(find_ranked_hits(lists, pool, relevant_grade=relevant_grade), pool, lists, cutoffs, gain)


def evaluate_scores(
    scored: pl.DataFrame,
    qrels: pl.DataFrame,
    *,
    cutoffs: Sequence[int] = CUTOFFS,
    relevant_grade: int = 2,
    gain: Gain = "exponential",
) -> Evaluation:
    """As evaluate_lists, of lists user_id, item_id, score: the expectation over random orders of equal scores.

    One score for all of a user's items so gives the exact value of a random order. O(rows log rows + users * k).
    """
    pool = read_pool(qrels, relevant_grade=relevant_grade)
    return _evaluate(find_scored_hits(scored, pool, relevant_grade=relevant_grade), pool, scored, cutoffs, gain)


def catalogue_coverage(lists: pl.DataFrame, *, n_items: int, k: int) -> float:
    """Share of the n_items recommendable items that stand in the first k of any list, in [0, 1]."""
    if n_items <= 0:
        return 0.0
    return lists.filter(pl.col("rank") <= k)["item_id"].n_unique() / n_items


def _evaluate(hits: Hits, pool: Pool, lists: pl.DataFrame, cutoffs: Sequence[int], gain: Gain) -> Evaluation:
    columns: dict[str, FloatVector] = {}
    for k in cutoffs:
        columns.update(_metrics_at(k, hits, pool, gain=gain))
    ordered = [f"{metric}@{k}" for metric in METRICS for k in cutoffs]
    return Evaluation(
        per_user=pool.users.select("user_id").with_columns(pl.Series(name, columns[name]) for name in ordered),
        n_without_relevant=pool.n_without_relevant,
        n_without_list=len(pool.users.join(lists.select("user_id").unique(), on="user_id", how="anti")),
    )


def _metrics_at(k: int, hits: Hits, pool: Pool, *, gain: Gain) -> dict[str, FloatVector]:
    """Of a group of m ties below n items, the ranks n + 1 to min(n + m, k) count; each holds each item with chance 1 / m."""
    n_users = len(pool.users)
    first, last = np.minimum(hits.n_above, k), np.minimum(hits.n_above + hits.n_tied, k)
    discounts, harmonic = summed_discounts(k), np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, k + 1))])
    weights = np.where(hits.is_relevant, hits.weights, 0.0)

    def sum_by_user(values: FloatVector) -> FloatVector:
        return np.bincount(hits.users, weights=values, minlength=n_users).astype(np.float64)

    dcg = sum_by_user(gain_of(hits.grades, gain) * hits.weights * (discounts[last] - discounts[first]) / hits.n_tied)
    n_found = sum_by_user(weights * (last - first) / hits.n_tied)
    above, beside = _relevant_weights(hits, weights)
    inverse_ranks = harmonic[last] - harmonic[first]
    # Given that the item has the group's p-th rank, another of the group stands above it with chance (p-1)/(m-1).
    shares = (last - first - (hits.n_above + 1) * inverse_ranks) / np.maximum(hits.n_tied - 1, 1)
    precisions = weights / hits.n_tied * ((1.0 + above) * inverse_ranks + beside * shares)
    reciprocal, is_hit = _first_relevant(k, hits, n_users)
    return {
        f"ndcg@{k}": dcg / ideal_dcg(pool.counts, k, grades=pool.grades, gain=gain),
        f"precision@{k}": n_found / k,
        f"recall@{k}": n_found / pool.n_relevant,
        f"map@{k}": sum_by_user(precisions) / np.maximum(np.minimum(k, pool.n_relevant), 1.0),
        f"mrr@{k}": reciprocal,
        f"hit_rate@{k}": is_hit,
    }


def _relevant_weights(hits: Hits, weights: FloatVector) -> tuple[FloatVector, FloatVector]:
    """For each hit the summed weight of the relevant hits in the groups above it, and of the others in its own group."""
    if not len(weights):
        return weights, weights
    of_group = np.bincount(hits.group, weights=weights)
    users = hits.users[np.flatnonzero(np.diff(hits.group, prepend=-1))]
    before = np.cumsum(of_group) - of_group
    above = before - before[np.searchsorted(users, users)]
    return above[hits.group], of_group[hits.group] - weights


def _first_relevant(k: int, hits: Hits, n_users: int) -> tuple[FloatVector, FloatVector]:
    """Expected reciprocal rank of each user's first relevant item, and the chance that its rank is at most k."""
    relevant = np.flatnonzero(hits.is_relevant)
    users, begins = np.unique(hits.users[relevant], return_index=True)
    groups = hits.group[relevant[begins]]
    n_above, n_tied = hits.n_above[relevant[begins]], hits.n_tied[relevant[begins]]
    n_relevant = np.bincount(hits.group[relevant], minlength=int(hits.group.max(initial=0)) + 1)[groups]
    remaining, reciprocal = np.ones(len(users)), np.zeros(len(users))
    for place in range(1, min(k, int(n_tied.max(initial=0))) + 1):
        counts = (place <= n_tied) & (n_above + place <= k)
        chance = np.where(counts, remaining * n_relevant / np.maximum(n_tied - place + 1, 1), 0.0)
        reciprocal += chance / (n_above + place)
        remaining -= chance
    ranks, found = np.zeros(n_users), np.zeros(n_users)
    ranks[users], found[users] = reciprocal, 1.0 - remaining
    return ranks, found
