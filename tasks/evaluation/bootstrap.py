"""Percentile bootstrap over users (Efron 1979): how far a mean, or a difference of means, may be off.

Users are drawn with replacement; each draw is a vector of counts, so all metrics of a draw are one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.errors import StepError

BLOCK_CELLS = 8_000_000


@dataclass(frozen=True)
class Interval:
    """A mean over the users who have a value, and its interval; NaN when there is none."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside the interval."""
        return self.low > 0 or self.high < 0


def bootstrap_means(
    per_user: pl.DataFrame, metrics: Sequence[str], *, seed: int, n_resamples: int = 1000, level: float = 0.95
) -> dict[str, Interval]:
    """The mean of each metric and its interval. per_user: one row a user; null: the user has no value and is left out.

    O(n_resamples * users * metrics) time, in blocks; all metrics share their resamples.
    """
    values = per_user.select(pl.col(metrics).cast(pl.Float64).fill_null(np.nan)).to_numpy()
    intervals = dict.fromkeys(metrics, Interval(np.nan, np.nan, np.nan))
    measured = np.flatnonzero((~np.isnan(values)).any(axis=0))
    if not len(measured):
        return intervals
    kept = values[:, measured]
    resampled = _resample_means(kept, seed=seed, n_resamples=n_resamples)
    tail = (1.0 - level) / 2.0
    low, high = np.nanquantile(resampled, [tail, 1.0 - tail], axis=0)
    means = np.nanmean(kept, axis=0)
    for place, column in enumerate(measured.tolist()):
        intervals[metrics[column]] = Interval(float(means[place]), float(low[place]), float(high[place]))
    return intervals


def bootstrap_differences(
    ours: pl.DataFrame,
    theirs: pl.DataFrame,
    metrics: Sequence[str],
    *,
    seed: int,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Ours less theirs, paired by user, as bootstrap_means. Both: user_id and the metrics, of the same users."""
    paired = ours.select("user_id", *metrics).join(
        theirs.select("user_id", *metrics), on="user_id", suffix="_other", maintain_order="left"
    )
    if not len(paired) == len(ours) == len(theirs):
        raise StepError(f"{len(ours)} and {len(theirs)} users share {len(paired)}; evaluate both on the same labels")
    differences = paired.select(pl.col(metric) - pl.col(f"{metric}_other") for metric in metrics)
    return bootstrap_means(differences, metrics, seed=seed, n_resamples=n_resamples, level=level)


def _resample_means(values: NDArray[np.float64], *, seed: int, n_resamples: int) -> NDArray[np.float64]:
    """(n_resamples, metrics) means of users drawn with replacement; NaN where only users without a value were drawn."""
    n_users = len(values)
    has_value = ~np.isnan(values)
    filled = np.where(has_value, values, 0.0)
    weights = None if has_value.all() else has_value.astype(np.float64)
    draw = np.random.default_rng(seed)
    step = max(1, BLOCK_CELLS // n_users)
    means = []
    for start in range(0, n_resamples, step):
        size = min(step, n_resamples - start)
        rows = draw.integers(0, n_users, size=(size, n_users))
        flat = rows + np.arange(size)[:, None] * n_users
        counts = np.bincount(flat.ravel(), minlength=size * n_users).reshape(size, n_users)
        totals = counts @ filled
        if weights is None:
            means.append(totals / n_users)
        else:
            n_drawn = counts @ weights
            means.append(np.divide(totals, n_drawn, out=np.full_like(totals, np.nan), where=n_drawn > 0))
    return np.concatenate(means)
