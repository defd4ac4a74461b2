"""Lists and labels as arrays: which labelled items a list holds, and between which ranks each of them may stand.

A ranked list is a scored list in which every group of ties has one item, so that metrics need one formula for both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.errors import StepError
from tasks.evaluation.gains import MAX_GRADE

IntVector = NDArray[np.int64]
FloatVector = NDArray[np.float64]


@dataclass(frozen=True)
class Pool:
    """The labels of the users who have a relevant item.

    users: user_id and its code `user`, in the order of ids. labels: user, user_id, item_id, grade, sampling_probability.
    grades: those above 0 that occur, falling. counts: (users, grades) sum of 1 / p of the user's labels of each grade.
    n_relevant: (users,) the same over all relevant grades. n_without_relevant: users with labels of whom none is
    relevant.
    """

    users: pl.DataFrame
    labels: pl.DataFrame
    grades: tuple[int, ...]
    counts: FloatVector
    n_relevant: FloatVector
    n_without_relevant: int


@dataclass(frozen=True)
class Hits:
    """Labelled items of the lists, by user and place; weights are 1 / p.

    n_above: how many items of the list stand above the item for certain; n_tied: how many share its score, itself
    included. In a ranked list these are rank - 1 and 1. group: code of the item's group of ties, rising with the rows.
    """

    users: IntVector
    n_above: IntVector
    n_tied: IntVector
    group: IntVector
    grades: IntVector
    weights: FloatVector
    is_relevant: NDArray[np.bool_]


def read_pool(qrels: pl.DataFrame, *, relevant_grade: int) -> Pool:
    """The labels of the users with a relevant item. Raises StepError on impossible grades, probabilities, repeats."""
    labels = _check_labels(qrels)
    relevant = labels.filter(pl.col("grade") >= relevant_grade).select("user_id").unique().sort("user_id")
    users = relevant.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("user"))
    known = labels.join(users, on="user_id")
    grades = tuple(sorted((grade for grade in known["grade"].unique() if grade > 0), reverse=True))
    counts = np.zeros((len(users), len(grades)))
    for column, grade in enumerate(grades):
        of_grade = known.filter(pl.col("grade") == grade)
        weights = 1 / of_grade["sampling_probability"]
        counts[:, column] = np.bincount(of_grade["user"], weights=weights, minlength=len(users))
    return Pool(
        users=users,
        labels=known,
        grades=grades,
        counts=counts,
        n_relevant=counts[:, [grade >= relevant_grade for grade in grades]].sum(axis=1),
        n_without_relevant=labels["user_id"].n_unique() - len(users),
    )


def find_ranked_hits(lists: pl.DataFrame, pool: Pool, *, relevant_grade: int) -> Hits:
    """Hits of lists user_id, item_id, rank (from 1). Raises StepError on a rank below 1 or twice, or an item twice."""
    if len(lists) and lists["rank"].cast(pl.Int64).min() < 1:  # type: ignore[operator]
        raise StepError(f"rank {lists['rank'].min()!r}; ranks start from 1")
    _refuse_repeats(lists, "lists")
    if lists.select("user_id", "rank").is_duplicated().any():
        raise StepError("a list has the same rank twice; rank each user's rows 1, 2, 3, or evaluate scores")
    places = lists.select(
        "user_id", "item_id", (pl.col("rank").cast(pl.Int64) - 1).alias("n_above"), pl.lit(1).alias("n_tied")
    )
    return _join(places, pool, relevant_grade)


def find_scored_hits(scored: pl.DataFrame, pool: Pool, *, relevant_grade: int) -> Hits:
    """Hits of lists user_id, item_id, score (higher is better). Raises StepError on a missing score or an item twice."""
    score = pl.col("score").cast(pl.Float64)
    wrong = scored.filter(score.is_nan() | score.is_null())
    if len(wrong):
        raise StepError(
            f"item {wrong['item_id'][0]!r} of user {wrong['user_id'][0]!r} has no score; score it or drop it"
        )
    _refuse_repeats(scored, "lists")
    places = scored.select(
        "user_id",
        "item_id",
        (score.rank("min", descending=True).over("user_id").cast(pl.Int64) - 1).alias("n_above"),
        pl.len().over("user_id", score).cast(pl.Int64).alias("n_tied"),
    )
    return _join(places, pool, relevant_grade)


def _join(places: pl.DataFrame, pool: Pool, relevant_grade: int) -> Hits:
    rows = places.join(pool.labels, on=["user_id", "item_id"]).sort("user", "n_above", "item_id")
    users, n_above = rows["user"].to_numpy(), rows["n_above"].cast(pl.Int64).to_numpy()
    begins = np.ones(len(rows), dtype=np.int64)
    begins[1:] = (users[1:] != users[:-1]) | (n_above[1:] != n_above[:-1])
    grades = rows["grade"].to_numpy()
    return Hits(
        users=users,
        n_above=n_above,
        n_tied=rows["n_tied"].cast(pl.Int64).to_numpy(),
        group=np.cumsum(begins) - 1,
        grades=grades,
        weights=1.0 / rows["sampling_probability"].to_numpy(),
        is_relevant=grades >= relevant_grade,
    )


def _check_labels(qrels: pl.DataFrame) -> pl.DataFrame:
    labels = qrels if "sampling_probability" in qrels.columns else qrels.with_columns(sampling_probability=pl.lit(1.0))
    grade = pl.col("grade").cast(pl.Float64)
    wrong = labels.filter(~(grade.is_between(0, MAX_GRADE) & (grade == grade.floor())).fill_null(value=False))
    if len(wrong):
        raise StepError(
            f"grade {wrong['grade'][0]!r} of item {wrong['item_id'][0]!r}; a grade is a whole number from 0 to {MAX_GRADE}"
        )
    labels = labels.select(
        "user_id", "item_id", pl.col("grade").cast(pl.Int64), pl.col("sampling_probability").cast(pl.Float64)
    )
    p = pl.col("sampling_probability")
    wrong = labels.filter(~((p > 0) & (p <= 1)).fill_null(value=False))
    if len(wrong):
        value = wrong["sampling_probability"][0]
        raise StepError(f"sampling_probability {value!r} of item {wrong['item_id'][0]!r}; it must be in (0, 1]")
    _refuse_repeats(labels, "labels")
    return labels


def _refuse_repeats(rows: pl.DataFrame, name: str) -> None:
    twice = rows.filter(rows.select("user_id", "item_id").is_duplicated())
    if len(twice):
        raise StepError(
            f"{name} hold item {twice['item_id'][0]!r} twice for user {twice['user_id'][0]!r}; keep one row"
        )
