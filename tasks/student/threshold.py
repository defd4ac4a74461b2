"""From which confidence on may the student answer alone, if at most a stated share of its answers may be wrong? Pure.

Learn-then-test (Angelopoulos, Bates, Candès, Jordan & Lei 2021) for the selective risk P(wrong | confidence >= threshold)
(Geifman & El-Yaniv 2017): thresholds from a grid that no data has touched are tested from strict to lax, each with an exact
binomial test of "the error is above max_error" at level delta, and the walk ends at the first that can't be rejected.
Because the order is fixed, no correction for the number of tests is due.

What is promised: with probability at least 1 - delta over the draw of the calibration sample, the error rate of the
answers at or above the threshold is at most max_error, among items exchangeable with that sample. So:

- The sample is a random one of the items that the threshold will be used on: the *audit* sample. Items chosen for their
  doubtfulness promise nothing. Unequal but known inclusion probabilities are mended by thinning (see `weights`).
- The student has not learned from the sample. With out-of-fold confidences of a cross-fitted student the promise is
  approximate: the folds' models are not the one that answers, though usually slightly worse than it.
- The first test waits until enough of the sample is above the threshold to be able to pass, which depends on the sample's
  confidences. That is exact where the error does not fall as the confidence falls, which a calibrated confidence means.
- That is the true rate, about which what is counted in one night scatters. Who wants the *counted* error among the answers
  to the next n_future items to be at most max_error, with the same confidence, says n_future: the test is then the exact
  one of two exchangeable samples, hypergeometric, and answers less.
- It is about the rate on average over items. Another catalog, or another month of this one, needs another sample.

Time O(n log n + g) for g grid points, memory O(n + g).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from tasks.contracts.errors import LabelerError
from tasks.student.arrays import Flags, Floats, check_length, check_probabilities, check_share, seed_stream
from tasks.student.intervals import disagreement_for, error_behind, exact_upper

GRID = np.concatenate([1 / (1 + np.exp(np.linspace(-14, 14, 2001))), [0.0]])
"""Thresholds evenly spaced in log-odds, from 1 - 8e-7 down to 8e-7, and 0: answer everything."""

_START_POWER = 0.8
_START_SHARE = 0.25


@dataclass(frozen=True)
class Threshold:
    """The student answers where its confidence is at least `value`; infinite when nothing can be promised.

    coverage: share of the calibration sample at or above value, in [0, 1].
    error_upper_bound: the exact upper limit (level delta) of the error at value, at most max_error; 1 when it answers nothing.
    n, n_answered, n_wrong: size of the sample, how many of it are at or above value, and how many of these are wrong
    (where the reference labels err, how many disagree with them).
    """

    value: float
    coverage: float
    error_upper_bound: float
    n: int
    n_answered: int
    n_wrong: int
    max_error: float
    delta: float

    @property
    def answers_nothing(self) -> bool:
        """True when no threshold could be promised."""
        return math.isinf(self.value)


def choose_threshold(
    confidence: Floats,
    is_wrong: Flags,
    *,
    max_error: float,
    weights: Floats | None = None,
    delta: float = 0.05,
    label_error: float = 0.0,
    n_classes: int = 2,
    n_future: int | None = None,
    seed: int = 0,
) -> Threshold:
    """The threshold of largest coverage whose error is at most max_error with confidence 1 - delta (see the module).

    confidence, shape (n,), in [0, 1]; is_wrong, shape (n,): the answer differs from the reference label.
    weights: 1 / inclusion probability of each item of the sample, up to a factor. The sample is thinned at random to an
    equal-probability one (an item stays with probability weight / largest weight), on which the test is exact again; the
    price is the items that go. n in the result is what stayed.
    label_error: the reference labels' own error rate, independent of the student and even over the n_classes classes; the
    test is then of the disagreement that max_error would cause. State no more than is certain: a rate stated too high
    breaks the promise, one too low only costs coverage.

    n_future: promise the error counted among the answers to the next n_future items (taking the sample's coverage for theirs)
    instead of the true rate; not together with label_error.

    Raises LabelerError for values out of range. An empty sample answers nothing.

    >>> sure = choose_threshold(np.full(400, 0.9), np.arange(400) < 2, max_error=0.02)
    >>> (sure.coverage, round(sure.error_upper_bound, 4))
    (1.0, 0.0157)
    """
    check_share(max_error, "max_error")
    check_share(delta, "delta")
    check_length(is_wrong, len(confidence), "flags of wrong answers")
    check_probabilities(confidence, "confidence")
    confidence, wrong = np.asarray(confidence, dtype=np.float64), np.asarray(is_wrong, dtype=np.bool_)
    if weights is not None:
        kept = _thin(np.asarray(weights, dtype=np.float64), len(confidence), seed)
        confidence, wrong = confidence[kept], wrong[kept]
    if n_future is not None and (n_future < 1 or label_error):
        raise LabelerError(
            f"n_future is {n_future} with label_error {label_error}; give at least 1 item and exact labels"
        )
    limit = disagreement_for(max_error, label_error=label_error, n_classes=n_classes)
    easy = disagreement_for(max_error * _START_SHARE, label_error=label_error, n_classes=n_classes)
    n_answered, n_wrong = _count_above(confidence, wrong)
    start = _start_size(len(wrong), limit, easy, delta)
    passes = stats.binom.cdf(n_wrong, n_answered, limit) <= delta
    if n_future is not None and len(wrong):
        future = np.maximum(1, np.round(n_answered * n_future / len(wrong)))
        passes &= _chance_of_more(n_wrong, n_answered, future, max_error) <= delta
    position = _walk(passes, n_answered >= start)
    if position is None:
        return Threshold(math.inf, 0.0, 1.0, len(wrong), 0, 0, max_error, delta)
    answered, errors = int(n_answered[position]), int(n_wrong[position])
    upper = error_behind(exact_upper(errors, answered, delta=delta), label_error=label_error, n_classes=n_classes)
    value = float(GRID[position])
    return Threshold(value, answered / len(wrong), upper, len(wrong), answered, errors, max_error, delta)


def _thin(weights: Floats, n: int, seed: int) -> Flags:
    check_length(weights, n, "weights")
    if n and not bool((np.isfinite(weights) & (weights > 0)).all()):
        raise LabelerError(
            "a weight of the calibration sample is not above 0; an item that could not be drawn is no part of it"
        )
    return np.asarray(seed_stream(seed, "thin").random(n) * weights.max(initial=0.0) < weights)


def _count_above(confidence: Floats, wrong: Flags) -> tuple[Floats, Floats]:
    order = np.argsort(confidence, kind="stable")
    first = np.searchsorted(confidence[order], GRID, side="left")
    wrong_below = np.concatenate([[0], np.cumsum(wrong[order])])
    return (len(wrong) - first).astype(np.float64), (wrong_below[-1] - wrong_below[first]).astype(np.float64)


def _start_size(n: int, limit: float, easy: float, delta: float) -> float:
    """How many answers the first test waits for: enough to pass with probability 0.8 where the error is `easy`.

    A sample too small for that starts at its half, or at the size where a faultless record passes if that is more.
    """
    faultless = math.ceil(math.log(delta) / math.log1p(-limit))
    sizes = np.arange(faultless, max(n, faultless) + 1, dtype=np.float64)
    # The largest number of errors that passes: P(X <= k | limit) <= delta.
    allowed = stats.binom.ppf(delta, sizes, limit)
    allowed = np.where(stats.binom.cdf(allowed, sizes, limit) > delta, allowed - 1, allowed)
    enough = np.flatnonzero(stats.binom.cdf(allowed, sizes, easy) >= _START_POWER)
    powerful = sizes[enough[0]] if len(enough) else math.inf
    return min(powerful, max(faultless, n / 2))


def _chance_of_more(n_wrong: Floats, n_answered: Floats, future: Floats, max_error: float) -> Floats:
    """The largest chance, over all numbers of errors in both samples together, of seeing at most n_wrong here and more than
    max_error of the future answers wrong: it is largest where exactly one error too many falls there."""
    too_many = np.floor(max_error * future) + 1
    total = np.minimum(n_answered + future, too_many + n_wrong)
    return np.asarray(stats.hypergeom.cdf(n_wrong, n_answered + future, total, n_answered))


def _walk(passes: Flags, is_tested: Flags) -> int | None:
    """The last tested grid position before the first test that fails, or None when the first one does."""
    tested = np.flatnonzero(is_tested)
    failed = np.flatnonzero(~passes[tested])
    n_passed = int(failed[0]) if len(failed) else len(tested)
    return int(tested[n_passed - 1]) if n_passed else None
