"""Calibration makes overconfidence honest, keeps order, and is judged on answers it has not seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.contracts.errors import LabelerError
from tasks.student.calibration import Calibration, fit_calibration
from tasks.student.reliability import assess_calibration, brier_score, expected_calibration_error, reliability_table


def overconfident(n: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Answers that are right with probability 0.5 to 1, stated with twice the log-odds."""
    generator = np.random.default_rng(seed)
    honest = generator.uniform(0.5, 0.99, n)
    return honest**2 / (honest**2 + (1 - honest) ** 2), generator.random(n) < honest


@pytest.mark.parametrize("n", [200, 500, 3_000])
def test_calibration_lessens_the_error_on_unseen_answers(n: int) -> None:
    reports = [assess_calibration(*overconfident(n, seed=seed), seed=seed) for seed in range(5)]
    assert np.mean([one.error_after for one in reports]) < np.mean([one.error_before for one in reports])
    assert np.mean([one.brier_after for one in reports]) < np.mean([one.brier_before for one in reports])


@pytest.mark.parametrize(("n", "method"), [(0, "none"), (30, "beta"), (3_000, "isotonic")])
def test_order_is_kept_and_range_too(n: int, method: str) -> None:
    calibration = fit_calibration(*overconfident(n))
    assert calibration.method == method
    honest = calibration.apply(np.linspace(0, 1, 500))
    assert (np.diff(honest) >= 0).all()
    assert honest.min() >= 0
    assert honest.max() <= 1


def test_three_right_answers_do_not_turn_doubt_into_certainty() -> None:
    calibration = fit_calibration(np.full(3, 0.6), np.ones(3, bool))
    assert calibration.apply(np.array([0.6]))[0] < 0.85


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30))
def test_calibration_comes_back_from_json_exactly(answers: list[tuple[float, bool]]) -> None:
    calibration = fit_calibration(np.array([a for a, _ in answers]), np.array([b for _, b in answers]))
    assert Calibration.from_json(calibration.to_json()) == calibration


@pytest.mark.parametrize(
    "text", ["", "{}", '{"method": "magic", "parameters": [], "n": 1}', '{"method": "beta", "parameters": [1], "n": 1}']
)
def test_text_that_is_no_calibration_is_refused(text: str) -> None:
    with pytest.raises(LabelerError, match="fit it again"):
        Calibration.from_json(text)


def test_bins_have_equal_count_and_never_part_ties() -> None:
    confidence = np.array([0.1] * 50 + [0.5] * 25 + [0.9] * 25)
    table = reliability_table(confidence, np.ones(100, bool), bins=4)
    assert [one.n for one in table] == [50, 25, 25]
    assert [one.confidence for one in table] == pytest.approx([0.1, 0.5, 0.9])


def test_scores_of_a_worked_example() -> None:
    confidence, right = np.array([0.8, 0.8, 0.8, 0.8]), np.array([True, True, True, False])
    assert expected_calibration_error(confidence, right) == pytest.approx(0.05)
    assert brier_score(confidence, right) == pytest.approx((3 * 0.04 + 0.64) / 4)


def test_no_answers_have_no_score() -> None:
    assert reliability_table(np.empty(0), np.empty(0, bool)) == ()
    assert np.isnan(expected_calibration_error(np.empty(0), np.empty(0, bool)))
