"""Paired tests of systems on the same users, and corrections for asking many questions at once.

The randomisation test (Fisher 1935; for retrieval Smucker, Allan and Carterette 2007) asks how often a mean difference as
large as the one seen would come if, for each user, it were a coin's throw which system got which value. It needs no
normal law, and its p-value is (1 + hits) / (1 + throws), so never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

FloatVector = NDArray[np.float64]
BLOCK_CELLS = 8_000_000
N_THROWS = 9_999


def randomisation_test(
    differences: pl.DataFrame, metrics: Sequence[str], *, seed: int, n_throws: int = N_THROWS
) -> dict[str, float]:
    """Two-sided p-value of each metric's mean difference being 0; differences: one row a user, null: not measured.

    NaN where no user was measured. All metrics share their throws. O(n_throws * users * metrics) time, in blocks.
    """
    values = np.nan_to_num(differences.select(pl.col(metrics).cast(pl.Float64).fill_null(np.nan)).to_numpy())
    is_measured = [bool(differences[metric].cast(pl.Float64).fill_nan(None).count()) for metric in metrics]
    seen = np.abs(values.sum(axis=0))
    # Sums that differ in their last digits only are the same sum in another order.
    bound = seen - 1e-9 * np.maximum(np.abs(values).sum(axis=0), 1e-300)
    draw = np.random.default_rng(seed)
    step = max(1, BLOCK_CELLS // max(len(values), 1))
    hits = np.zeros(len(metrics))
    for start in range(0, n_throws, step):
        size = min(step, n_throws - start)
        signs = draw.integers(0, 2, size=(size, len(values)), dtype=np.int8).astype(np.float32) * 2.0 - 1.0
        hits += (np.abs(signs.astype(np.float64) @ values) >= bound).sum(axis=0)
    return {
        metric: float((1.0 + hits[place]) / (1.0 + n_throws)) if is_measured[place] else float("nan")
        for place, metric in enumerate(metrics)
    }


def paired_t_test(differences: FloatVector) -> float:
    """Two-sided p-value of Student's paired t-test; NaN with fewer than two users, 1 where nobody differs."""
    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2:
        return float("nan")
    spread = values.std(ddof=1)
    if spread == 0:
        return 1.0 if values[0] == 0 else 0.0
    return float(2.0 * stats.t.sf(abs(values.mean()) / (spread / np.sqrt(len(values))), df=len(values) - 1))


def adjust_holm(p_values: Sequence[float]) -> list[float]:
    """Holm (1979): the chance of even one false alarm among all of them is kept. NaN stays and does not count."""
    return _adjust(p_values, lambda ordered: np.maximum.accumulate(ordered * np.arange(len(ordered), 0, -1)))


def adjust_benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg (1995): the expected share of false alarms among the alarms is kept. NaN as in Holm's."""

    def steps_up(ordered: FloatVector) -> FloatVector:
        scaled = ordered * len(ordered) / np.arange(1, len(ordered) + 1)
        smallest: FloatVector = np.minimum.accumulate(scaled[::-1])[::-1]
        return smallest

    return _adjust(p_values, steps_up)


def _adjust(p_values: Sequence[float], correct: Callable[[FloatVector], FloatVector]) -> list[float]:
    values = np.asarray(p_values, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    adjusted = np.full(len(values), np.nan)
    adjusted[order] = np.minimum(correct(values[order]), 1.0)
    return [float(value) for value in adjusted]
