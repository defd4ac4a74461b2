"""Metrics of ranked lists against graded labels, one row a user, all users at once.

Let a user's list have ranks 1, 2, ...; g_i be the grade of item i, r_i its rank, relevant: g_i >= relevant_grade,
p_i the probability with which the pair was sampled for judgement (1 where all is known). Sums run over labelled items.

    dcg@k        sum over r_i <= k of (2^g_i - 1) / (log2(r_i + 1) p_i)
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
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.errors import StepError
from tasks.evaluation.gains import GRADES, discount_of, gain_of, ideal_dcg

CUTOFFS = (1, 5, 10)
METRICS = ("ndcg", "precision", "recall", "map", "mrr", "hit_rate")
IntVector = NDArray[np.int64]
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


@dataclass(frozen=True)
class _Hits:
    """Labelled items of the lists in the order of user and rank; weights are 1 / p."""

    users: IntVector
    ranks: IntVector
    grades: IntVector
    weights: FloatVector
    is_relevant: NDArray[np.bool_]


def evaluate_lists(
    lists: pl.DataFrame, qrels: pl.DataFrame, *, cutoffs: Sequence[int] = CUTOFFS, relevant_grade: int = 2
) -> Evaluation:
    """All METRICS at all cutoffs for each user.

    lists: user_id, item_id, rank (from 1, no rank twice a user). qrels: user_id, item_id, grade 0-3 and, where pairs
    were sampled, sampling_probability in (0, 1]. Lists of users without labels are ignored.
    Raises StepError on values outside these ranges. O(rows log rows).
    """
    labels = _check_labels(qrels)
    _check_lists(lists)
    relevant = labels.filter(pl.col("grade") >= relevant_grade).select("user_id").unique().sort("user_id")
    users = relevant.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("user"))
    known = labels.join(users, on="user_id")
    hits = _find_hits(lists, known, relevant_grade)
    counts = np.zeros((len(users), len(GRADES)))
    for column, grade in enumerate(GRADES):
        of_grade = known.filter(pl.col("grade") == grade)
        counts[:, column] = np.bincount(
            of_grade["user"], weights=1 / of_grade["sampling_probability"], minlength=len(users)
        )
    n_relevant = counts[:, [grade >= relevant_grade for grade in GRADES]].sum(axis=1)
    columns: dict[str, FloatVector] = {}
    for k in cutoffs:
        columns.update(_metrics_at(k, hits, counts=counts, n_relevant=n_relevant))
    ordered = [f"{metric}@{k}" for metric in METRICS for k in cutoffs]
    return Evaluation(
        per_user=users.select("user_id").with_columns(pl.Series(name, columns[name]) for name in ordered),
        n_without_relevant=labels["user_id"].n_unique() - len(users),
        n_without_list=len(users.join(lists.select("user_id").unique(), on="user_id", how="anti")),
    )


def catalogue_coverage(lists: pl.DataFrame, *, n_items: int, k: int) -> float:
    """Share of the n_items recommendable items that stand in the first k of any list, in [0, 1]."""
    if n_items <= 0:
        return 0.0
    return lists.filter(pl.col("rank") <= k)["item_id"].n_unique() / n_items


def _metrics_at(k: int, hits: _Hits, *, counts: NDArray[np.float64], n_relevant: FloatVector) -> dict[str, FloatVector]:
    n_users = len(n_relevant)

    def sum_by_user(values: FloatVector, chosen: NDArray[np.bool_]) -> FloatVector:
        return np.bincount(hits.users[chosen], weights=values[chosen], minlength=n_users).astype(np.float64)

    top = hits.ranks <= k
    found = top & hits.is_relevant
    dcg = sum_by_user(gain_of(hits.grades) * discount_of(hits.ranks) * hits.weights, top)
    n_found = sum_by_user(hits.weights, found)
    precision_terms = (1.0 + _relevant_before(hits)) / hits.ranks * hits.weights
    first = np.full(n_users, np.inf)
    np.minimum.at(first, hits.users[found], hits.ranks[found])
    return {
        f"ndcg@{k}": dcg / ideal_dcg(counts, k),
        f"precision@{k}": n_found / k,
        f"recall@{k}": n_found / n_relevant,
        f"map@{k}": sum_by_user(precision_terms, found) / np.maximum(np.minimum(k, n_relevant), 1.0),
        f"mrr@{k}": 1.0 / first,
        f"hit_rate@{k}": np.isfinite(first).astype(np.float64),
    }


def _relevant_before(hits: _Hits) -> FloatVector:
    """For each hit the summed weight of the relevant hits above it in the same list."""
    weights = np.where(hits.is_relevant, hits.weights, 0.0)
    before = np.cumsum(weights) - weights
    above: FloatVector = before - before[np.searchsorted(hits.users, hits.users)]
    return above


def _find_hits(lists: pl.DataFrame, known: pl.DataFrame, relevant_grade: int) -> _Hits:
    columns = lists.select("user_id", "item_id", pl.col("rank").cast(pl.Int64))
    rows = columns.join(known, on=["user_id", "item_id"]).sort("user", "rank")
    grades = rows["grade"].cast(pl.Int64).to_numpy()
    return _Hits(
        users=rows["user"].to_numpy(),
        ranks=rows["rank"].to_numpy(),
        grades=grades,
        weights=1.0 / rows["sampling_probability"].to_numpy(),
        is_relevant=grades >= relevant_grade,
    )


def _check_labels(qrels: pl.DataFrame) -> pl.DataFrame:
    labels = qrels if "sampling_probability" in qrels.columns else qrels.with_columns(sampling_probability=pl.lit(1.0))
    labels = labels.select("user_id", "item_id", "grade", pl.col("sampling_probability").cast(pl.Float64))
    wrong = labels.filter(~pl.col("grade").is_between(0, 3) | pl.col("grade").is_null())
    if len(wrong):
        raise StepError(f"grade {wrong['grade'][0]!r} of item {wrong['item_id'][0]!r}; a grade is 0, 1, 2 or 3")
    p = pl.col("sampling_probability")
    wrong = labels.filter(~((p > 0) & (p <= 1)).fill_null(value=False))
    if len(wrong):
        value = wrong["sampling_probability"][0]
        raise StepError(f"sampling_probability {value!r} of item {wrong['item_id'][0]!r}; it must be in (0, 1]")
    _refuse_repeats(labels, "labels")
    return labels


def _check_lists(lists: pl.DataFrame) -> None:
    if len(lists) and lists["rank"].cast(pl.Int64).min() < 1:  # type: ignore[operator]
        raise StepError(f"rank {lists['rank'].min()!r}; ranks start from 1")
    _refuse_repeats(lists, "lists")
    if lists.select("user_id", "rank").is_duplicated().any():
        raise StepError("a list has the same rank twice; rank each user's rows 1, 2, 3 without ties")


def _refuse_repeats(rows: pl.DataFrame, name: str) -> None:
    twice = rows.filter(rows.select("user_id", "item_id").is_duplicated())
    if len(twice):
        raise StepError(
            f"{name} hold item {twice['item_id'][0]!r} twice for user {twice['user_id'][0]!r}; keep one row"
        )
