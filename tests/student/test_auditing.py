"""The audit's interval covers the truth at its level, with unequal probabilities and erring reference labels too."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.contracts.errors import LabelerError
from tasks.student.auditing import audit_error, audit_sources, combine_errors


def disagree(wrong: np.ndarray, *, label_error: float, n_classes: int, generator: np.random.Generator) -> np.ndarray:
    """Flags against reference labels that err: a wrong reference differs from a wrong answer in (K - 2) of (K - 1) cases."""
    noisy = generator.random(len(wrong)) < label_error
    other = generator.random(len(wrong)) < (n_classes - 2) / (n_classes - 1)
    return np.where(noisy, ~wrong | other, wrong)


@pytest.mark.parametrize("method", ["exact", "wilson"])
@pytest.mark.parametrize("label_error", [0.0, 0.068])
def test_interval_covers_the_truth_at_its_level(method: str, label_error: float) -> None:
    generator = np.random.default_rng(0)
    held, rates = 0, []
    for _ in range(400):
        wrong = disagree(generator.random(300) < 0.1, label_error=label_error, n_classes=5, generator=generator)
        estimate = audit_error(wrong, label_error=label_error, n_classes=5, method=method)
        held += estimate.low <= 0.1 <= estimate.high
        rates.append(estimate.rate)
    assert held >= 368  # 380 are due; four standard deviations less are allowed
    assert np.mean(rates) == pytest.approx(0.1, abs=0.005)


def test_weights_undo_unequal_inclusion() -> None:
    generator = np.random.default_rng(1)
    held, rates = 0, []
    for _ in range(300):
        hard = generator.random(4_000) < 0.3
        wrong = generator.random(4_000) < np.where(hard, 0.25, 0.02)
        probability = np.where(hard, 0.2, 0.05)
        drawn = generator.random(4_000) < probability
        estimate = audit_error(wrong[drawn], probabilities=probability[drawn])
        held += estimate.low <= 0.089 <= estimate.high
        rates.append(estimate.rate)
        assert estimate.n_effective < estimate.n
    assert held >= 275
    assert np.mean(rates) == pytest.approx(0.089, abs=0.005)


def test_measured_label_error_widens_the_interval() -> None:
    wrong = np.arange(500) < 60
    known = audit_error(wrong, label_error=0.068, n_classes=5)
    measured = audit_error(wrong, label_error=0.068, label_error_range=(0.04, 0.1), n_classes=5)
    assert measured.low < known.low < known.rate == measured.rate < known.high < measured.high


def test_no_labels_leave_everything_open() -> None:
    estimate = audit_error(np.empty(0, bool))
    assert np.isnan(estimate.rate)
    assert (estimate.low, estimate.high, estimate.n) == (0.0, 1.0, 0)


def test_each_source_is_judged_on_its_own() -> None:
    estimates = audit_sources(["student", "cheap", "student"], np.array([False, True, True]))
    assert (estimates["student"].rate, estimates["cheap"].rate) == (0.5, 1.0)
    total = combine_errors([estimates["student"], estimates["cheap"]], [90, 10])
    assert total.rate == pytest.approx(0.55)
    assert total.low <= 0.55 <= total.high


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"label_error": 0.5}, "label_error is 0.5; give"),
        ({"method": "guess"}, "expected one of exact, wilson"),
        ({"probabilities": np.array([0.5, 0.0])}, "inclusion probability 0.0"),
        ({"label_error": 0.1, "label_error_range": (0.2, 0.3)}, "lies outside its range"),
    ],
)
def test_impossible_values_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(LabelerError, match=message):
        audit_error(np.array([True, False]), **arguments)
