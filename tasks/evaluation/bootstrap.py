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
    """A mean over users and its interval; NaN when there is no user."""

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
    """The mean of each metric and its interval. per_user: one row a user. O(n_resamples * users * metrics)."""
    values = per_user.select(pl.col(metrics).cast(pl.Float64)).to_numpy()
    if not len(values):
        return {metric: Interval(np.nan, np.nan, np.nan) for metric in metrics}
    tail = (1.0 - level) / 2.0
    resampled = _resample_means(values, seed=seed, n_resamples=n_resamples)
    low, high = np.quantile(resampled, [tail, 1.0 - tail], axis=0)
    means = values.mean(axis=0)
    return {metric: Interval(float(means[i]), float(low[i]), float(high[i])) for i, metric in enumerate(metrics)}


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
    """(n_resamples, metrics) means of users drawn with replacement."""
    n_users = len(values)
    draw = np.random.default_rng(seed)
    step = max(1, BLOCK_CELLS // n_users)
    means = []
    for start in range(0, n_resamples, step):
        size = min(step, n_resamples - start)
        rows = draw.integers(0, n_users, size=(size, n_users))
        flat = rows + np.arange(size)[:, None] * n_users
        counts = np.bincount(flat.ravel(), minlength=size * n_users).reshape(size, n_users)
        means.append(counts @ values / n_users)
    return np.concatenate(means)
