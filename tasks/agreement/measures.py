"""Measures of agreement from counts, and their bootstrap intervals over questions.

    raw agreement   share of the questions that both answered on which the answers are the same
    kappa           (p_o - p_e) / (1 - p_e), p_e from the two labelers' own distributions (Cohen 1960)
    weighted kappa  1 - sum(w o) / sum(w e), w = (i - j)^2 (Cohen 1968), for ordinal answers
    alpha           1 - D_o / D_e over all labelers, answers may be missing (Krippendorff 2011)

All of them are functions of counts: of the K x K table of a pair, or of how often each composition of answers occurs.
To draw n questions with replacement is to draw these counts from a multinomial law, so the bootstrap (Efron 1979)
never touches a question again: O(n_resamples * cells), whatever the number of questions.

Undefined is NaN, never 0 or 1: every measure without a question that two answered; kappas and alpha where only one
class occurs (no disagreement was possible); an interval with fewer than two questions, or if fewer than half of the
resamples have a value. With one question, raw agreement is 0 or 1, and kappa 0 where the two answers differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.errors import StepError

FloatArray = NDArray[np.float64]
BLOCK_CELLS = 4_000_000


@dataclass(frozen=True)
class Estimate:
    """A measure, its percentile interval and the number of questions it rests on; NaN where undefined."""

    value: float
    low: float
    high: float
    n: int


def raw_agreement(tables: FloatArray) -> FloatArray:
    """(...,) share of the diagonal of (..., K, K) tables of counts, in [0, 1]; NaN for an empty table."""
    return _divide(np.trace(tables, axis1=-2, axis2=-1), tables.sum(axis=(-2, -1)))


def cohen_kappa(tables: FloatArray) -> FloatArray:
    """(...,) Cohen's kappa of (..., K, K) tables, in [-1, 1]; NaN where both know only one and the same class."""
    n_classes = tables.shape[-1]
    return _chance_corrected(tables, 1.0 - np.eye(n_classes))


def weighted_kappa(tables: FloatArray) -> FloatArray:
    """(...,) kappa with quadratic weights of (..., K, K) tables of ordered classes, in [-1, 1]; NaN as cohen_kappa."""
    places = np.arange(tables.shape[-1], dtype=np.float64)
    return _chance_corrected(tables, (places[:, None] - places) ** 2)


def tabulate(first: NDArray[np.int64], second: NDArray[np.int64], n_classes: int) -> FloatArray:
    """(K, K) counts of two vectors of codes from 0 to K - 1: rows are the first's answers. O(n)."""
    flat = np.bincount(first * n_classes + second, minlength=n_classes * n_classes)
    return flat.reshape(n_classes, n_classes).astype(np.float64)


def coincidences(compositions: FloatArray) -> FloatArray:
    """(P, V * V) coincidence matrices of (P, V) compositions: how many labelers gave each value to one question.

    A question with m answers adds n_c (n_k - [c = k]) / (m - 1); with one answer or none it adds nothing.
    """
    m = compositions.sum(axis=1)
    pairs = compositions[:, :, None] * (compositions[:, None, :] - np.eye(compositions.shape[1]))
    scaled: FloatArray = pairs / np.maximum(m - 1.0, 1.0)[:, None, None] * (m > 1)[:, None, None]
    return scaled.reshape(len(compositions), -1)


def alpha_of_coincidences(matrices: FloatArray, *, is_ordinal: bool) -> FloatArray:
    """(R,) Krippendorff's alpha of (R, V, V) coincidence matrices, at most 1; NaN where only one value occurs."""
    totals = matrices.sum(axis=-1)
    n = totals.sum(axis=-1)
    if is_ordinal:
        middles = np.cumsum(totals, axis=-1) - totals / 2.0
        distances = (middles[..., :, None] - middles[..., None, :]) ** 2
    else:
        distances = np.broadcast_to(1.0 - np.eye(matrices.shape[-1]), matrices.shape)
    observed = (matrices * distances).sum(axis=(-2, -1))
    expected = (totals[..., :, None] * totals[..., None, :] * distances).sum(axis=(-2, -1))
    return 1.0 - _divide((n - 1.0) * observed, expected)


def resample_counts(
    counts: FloatArray, statistic: Callable[[FloatArray], FloatArray], *, seed: int, n_resamples: int
) -> FloatArray:
    """(n_resamples,) values of a statistic on resampled counts.

    counts: (cells,) how many questions are of each kind; statistic: (R, cells) resampled counts to (R,) values.
    Works in blocks of at most BLOCK_CELLS cells.
    """
    n = int(counts.sum())
    if n < 2:
        return np.full(n_resamples, np.nan)
    draw = np.random.default_rng(seed)
    step = max(1, BLOCK_CELLS // max(1, len(counts)))
    blocks = [
        statistic(draw.multinomial(n, counts / n, size=min(step, n_resamples - start)).astype(np.float64))
        for start in range(0, n_resamples, step)
    ]
    return np.concatenate(blocks)


def estimate(value: float, resampled: FloatArray, *, n: int, level: float) -> Estimate:
    """The value with the percentile interval of its resamples; resamples without a value are left out."""
    known = resampled[np.isfinite(resampled)]
    if n < 2 or np.isnan(value) or 2 * len(known) < len(resampled) or not len(known):
        return Estimate(float(value), np.nan, np.nan, n)
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(known, [tail, 1.0 - tail])
    return Estimate(float(value), float(low), float(high), n)


def check_resampling(n_resamples: int, level: float) -> None:
    """Raise StepError unless n_resamples is positive and level lies strictly between 0 and 1."""
    if n_resamples < 1:
        raise StepError(f"n_resamples {n_resamples}; expected 1 or more")
    if not 0.0 < level < 1.0:
        raise StepError(f"level {level}; expected a share between 0 and 1, such as 0.95")


def compositions_of(question: NDArray[np.int64], answer: NDArray[np.int64], shape: Sequence[int]) -> FloatArray:
    """(questions, classes) how many labelers gave each answer to each question."""
    n_questions, n_classes = shape
    flat = np.bincount(question * n_classes + answer, minlength=n_questions * n_classes)
    return flat.reshape(n_questions, n_classes).astype(np.float64)


def _chance_corrected(tables: FloatArray, weights: FloatArray) -> FloatArray:
    n = tables.sum(axis=(-2, -1))
    expected = tables.sum(axis=-1)[..., :, None] * tables.sum(axis=-2)[..., None, :]
    observed_cost = (tables * weights).sum(axis=(-2, -1))
    return 1.0 - _divide(n * observed_cost, (expected * weights).sum(axis=(-2, -1)))


def _divide(top: FloatArray, bottom: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(bottom > 0, np.asarray(top, dtype=np.float64) / bottom, np.nan)
