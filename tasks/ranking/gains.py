"""Gains of grades and NDCG (Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002).

A query is a user, or a user in one fold where rows have a column `fold`.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.errors import StepError

NDCG_CUTOFF = 10
EXACT_GRADES = 30
MAX_GRADE = 1000


def label_gains(max_grade: int) -> NDArray[np.float64]:
    """The gain of each grade 0..max_grade: 2 ** grade - 1 up to 30, above that 2 ** 30 more for each grade.

    The first is LightGBM's default and evaluation's; it would leave the range of floats at grade 1024, and of 32 bits at
    31, where LightGBM's own table ends. Linear growth keeps all grades in order and above those below.
    """
    grades = np.arange(max_grade + 1, dtype=np.float64)
    exact = np.minimum(grades, EXACT_GRADES)
    beyond = np.maximum(grades - EXACT_GRADES, 0.0)
    return np.asarray(2.0**exact - 1.0 + beyond * 2.0**EXACT_GRADES, dtype=np.float64)


def check_grades(grades: pl.Series) -> int:
    """The highest grade. Raises StepError unless all are whole numbers from 0 to MAX_GRADE."""
    values = grades.cast(pl.Float64)
    bad = grades.filter((values.is_null()) | ~values.is_between(0, MAX_GRADE) | (values.floor() != values))
    if len(bad):
        raise StepError(
            f"grade {bad[0]!r} is no whole number from 0 to {MAX_GRADE}; mend relevance.grades or the labels"
        )
    return int(values.max() or 0)  # type: ignore[arg-type]


def query_keys(frame: pl.DataFrame) -> list[str]:
    """The columns that name a query: user_id, and fold where there are folds."""
    return ["user_id", "fold"] if "fold" in frame.columns else ["user_id"]


def ideal_dcg(labels: pl.DataFrame, *, k: int = NDCG_CUTOFF) -> pl.DataFrame:
    """user_id, ideal_dcg (f64): the DCG@k of the best list that a user's labels (user_id, grade) allow."""
    return _dcg(labels.with_columns(pl.col("grade").cast(pl.Float64).alias("score")), ["user_id"], k=k).rename(
        {"dcg": "ideal_dcg"}
    )


def ndcg_by_user(rows: pl.DataFrame, scores: NDArray[np.float64], *, k: int = NDCG_CUTOFF) -> pl.DataFrame:
    """user_id, ndcg (0 to 1), by user id: NDCG@k of the order of scores, the mean over the user's folds.

    rows: user_id, perhaps fold, grade, and perhaps ideal_dcg: that of all the query's labels, also of those that are no
    row. Without it the ideal is the best order of the rows. Queries without a gain have no NDCG. Equal scores keep the
    order of the rows, which goes by a hash. O(rows log rows).
    """
    keys = query_keys(rows)
    scored = rows.select(*keys, "grade", *_column(rows, "ideal_dcg")).with_columns(pl.Series("score", scores))
    reached = _dcg(scored, keys, k=k)
    if "ideal_dcg" in rows.columns:
        ideal = scored.group_by(keys).agg(pl.col("ideal_dcg").first())
    else:
        best = scored.with_columns(pl.col("grade").cast(pl.Float64).alias("score"))
        ideal = _dcg(best, keys, k=k).rename({"dcg": "ideal_dcg"})
    joined = reached.join(ideal, on=keys).filter(pl.col("ideal_dcg") > 0)
    per_query = joined.select("user_id", (pl.col("dcg") / pl.col("ideal_dcg")).alias("ndcg"))
    return per_query.group_by("user_id").agg(pl.col("ndcg").mean()).sort("user_id")


def _dcg(frame: pl.DataFrame, keys: list[str], *, k: int) -> pl.DataFrame:
    """keys, dcg: of the first k rows of each query by score."""
    if frame.is_empty():
        return frame.select(keys).with_columns(dcg=pl.lit(0.0))
    gains = label_gains(check_grades(frame["grade"]))
    place = pl.col("score").rank("ordinal", descending=True).over(keys)
    listed = frame.with_columns(place.alias("place")).filter(pl.col("place") <= k)
    gain = pl.Series("gain", gains[listed["grade"].to_numpy().astype(np.int64)])
    return (
        listed.with_columns(gain)
        .group_by(keys)
        .agg((pl.col("gain") / (pl.col("place") + 1).log(2)).sum().alias("dcg"))
        .sort(keys)
    )


def _column(frame: pl.DataFrame, name: str) -> list[str]:
    return [name] if name in frame.columns else []
