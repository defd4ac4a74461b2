"""What is counted and placed over all items of a catalog, once a stage: choices by day, places by popularity, length and age."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

FloatVector = NDArray[np.float64]
IntVector = NDArray[np.int64]

MAX_DAYS = 1100
"""Choices are counted by day for so long; what is older counts as chosen on the last of these days."""


def count_choices(interactions: pl.DataFrame) -> pl.DataFrame:
    """interactions (item_id, value, age_days; both may be null, age_days left out) by item and day of age:

    item_id, day (below MAX_DAYS; null: unknown), age_days (the highest), n, n_values, total (of the values).
    """
    age = pl.col("age_days") if "age_days" in interactions.columns else pl.lit(None)
    aged = interactions.with_columns(age.cast(pl.Float64).clip(0.0).alias("age_days"))
    day = pl.col("age_days").floor().clip(upper_bound=MAX_DAYS - 1).cast(pl.Int32).alias("day")
    return (
        aged.group_by("item_id", day)
        .agg(
            pl.col("age_days").max(),
            pl.len().cast(pl.Int64).alias("n"),
            pl.col("value").count().cast(pl.Int64).alias("n_values"),
            pl.col("value").cast(pl.Float64).sum().alias("total"),
        )
        .sort("item_id", "day")
    )


def share_at_most(popularity: FloatVector) -> FloatVector:
    """(n,): the share of the catalog that is at most as popular, in (0, 1]."""
    ordered = np.sort(popularity)
    return np.searchsorted(ordered, popularity, side="right") / max(1, len(ordered))


def places_of(values: FloatVector) -> FloatVector:
    """Where each value stands among the known ones, from -1 (the least) to 1; NaN stays, equal values share a place."""
    known = np.sort(values[~np.isnan(values)])
    if not len(known):
        return np.full(len(values), np.nan)
    middle = (np.searchsorted(known, values, side="left") + np.searchsorted(known, values, side="right")) / 2
    return np.where(np.isnan(values), np.nan, 2.0 * middle / len(known) - 1.0)


def first_labels(shares: sparse.csr_matrix) -> IntVector:
    """(n,) the column of each row's largest entry, of equal ones the first in the row; -1 for an empty row."""
    sizes = np.diff(shares.indptr)
    rows = np.repeat(np.arange(shares.shape[0]), sizes)
    order = np.lexsort((np.arange(len(rows)), -shares.data, rows))
    first = np.full(shares.shape[0], -1, dtype=np.int64)
    filled = np.flatnonzero(sizes)
    first[filled] = shares.indices[order[shares.indptr[filled]]]
    return first
