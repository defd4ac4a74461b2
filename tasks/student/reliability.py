"""How far stated confidences are from the truth: reliability table, calibration error, Brier score. Pure; O(n log n)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tasks.contracts.errors import LabelerError
from tasks.student.arrays import Flags, Floats, check_length, check_probabilities, seed_stream
from tasks.student.calibration import FOLDS, fit_calibration


@dataclass(frozen=True)
class ReliabilityBin:
    """n answers of neighbouring confidence, from low to high: their mean confidence, and the share that was right."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class CalibrationReport:
    """Before and after calibration; after is cross-fitted: each answer by a curve that had not seen it.

    Errors are expected calibration errors, in [0, 1]; Brier scores are mean squared distances of confidence and outcome.
    """

    n: int
    error_before: float
    error_after: float
    brier_before: float
    brier_after: float
    before: tuple[ReliabilityBin, ...]
    after: tuple[ReliabilityBin, ...]


def reliability_table(confidence: Floats, is_right: Flags, *, bins: int = 10) -> tuple[ReliabilityBin, ...]:
    """Bins of equal count, by rising confidence; fewer than bins where there are fewer answers, or where many are tied.

    Equal confidences are never parted, so the table does not depend on the order of the answers. confidence, shape (n,), in
    [0, 1]. Raises LabelerError for arrays that do not fit or bins < 1.
    """
    if bins < 1:
        raise LabelerError(f"bins is {bins}; give at least 1")
    check_length(is_right, len(confidence), "flags of right answers")
    check_probabilities(confidence, "confidence")
    order = np.argsort(confidence, kind="stable")
    stated, right = np.asarray(confidence, dtype=np.float64)[order], np.asarray(is_right, dtype=np.float64)[order]
    wanted = stated[(np.arange(1, bins) * len(stated)) // bins] if len(stated) else stated
    edges = np.unique([0, *np.searchsorted(stated, wanted, side="left"), len(stated)])
    parts = [slice(int(low), int(high)) for low, high in pairwise(edges)]
    return tuple(
        ReliabilityBin(
            low=float(stated[part][0]),
            high=float(stated[part][-1]),
            n=len(stated[part]),
            confidence=float(stated[part].mean()),
            accuracy=float(right[part].mean()),
        )
        for part in parts
    )


def expected_calibration_error(confidence: Floats, is_right: Flags, *, bins: int = 10) -> float:
    """Mean distance of confidence and accuracy over bins of equal count, weighted by count (Naeini et al. 2015), in [0, 1].

    A perfectly honest confidence does not score 0: n answers in b bins leave about sqrt(b / n) / 3 of chance. nan for n = 0.
    """
    table = reliability_table(confidence, is_right, bins=bins)
    if not table:
        return float("nan")
    return sum(part.n * abs(part.confidence - part.accuracy) for part in table) / sum(part.n for part in table)


def brier_score(confidence: Floats, is_right: Flags) -> float:
    """Mean squared distance of confidence and outcome, in [0, 1]; lower is better (Brier 1950). nan for n = 0."""
    check_length(is_right, len(confidence), "flags of right answers")
    check_probabilities(confidence, "confidence")
    if len(confidence) == 0:
        return float("nan")
    return float(np.mean((np.asarray(confidence) - np.asarray(is_right, dtype=np.float64)) ** 2))


def assess_calibration(confidence: Floats, is_right: Flags, *, seed: int, bins: int = 10) -> CalibrationReport:
    """What calibration would do for these answers, each judged by a curve fitted to the other four fifths."""
    check_length(is_right, len(confidence), "flags of right answers")
    stated, right = np.asarray(confidence, dtype=np.float64), np.asarray(is_right, dtype=np.bool_)
    fold = seed_stream(seed, "folds").permutation(len(stated)) % FOLDS
    honest = stated.copy()
    for number in range(FOLDS):
        inside = fold == number
        honest[inside] = fit_calibration(stated[~inside], right[~inside]).apply(stated[inside])
    return CalibrationReport(
        n=len(stated),
        error_before=expected_calibration_error(stated, right, bins=bins),
        error_after=expected_calibration_error(honest, right, bins=bins),
        brier_before=brier_score(stated, right),
        brier_after=brier_score(honest, right),
        before=reliability_table(stated, right, bins=bins),
        after=reliability_table(honest, right, bins=bins),
    )
