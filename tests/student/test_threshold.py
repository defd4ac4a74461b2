"""The promise: nominal over many seeds, refused when it can't be made, and exact about who it is made for."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.contracts.errors import LabelerError
from tasks.student.threshold import choose_threshold


def simulate(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Confidences 1 - 0.3 u² for even u, whose answers are wrong with probability 1 - confidence."""
    generator = np.random.default_rng(seed)
    confidence = 1 - 0.3 * generator.random(n) ** 2
    return confidence, generator.random(n) < 1 - confidence


def true_error(value: float) -> float:
    """Of the answers at or above value: the mean of 0.3 u² up to the u that is left."""
    left = np.clip((1 - value) / 0.3, 0, 1)
    return float(0.1 * left)


@pytest.mark.parametrize("max_error", [0.02, 0.05])
def test_promise_is_kept_at_its_level_over_many_draws(max_error: float) -> None:
    thresholds = [choose_threshold(*simulate(seed, 1_500), max_error=max_error) for seed in range(300)]
    broken = [true_error(one.value) > max_error for one in thresholds]
    # 5 % are allowed; 300 draws of exactly 5 % stay below 8 % in 99 of 100 cases.
    assert np.mean(broken) <= 0.08
    assert np.mean([one.coverage for one in thresholds]) > 0.15


def test_promise_is_kept_where_every_threshold_lies_on_the_edge() -> None:
    generator = np.random.default_rng(0)
    passed = [
        not choose_threshold(generator.random(500), generator.random(500) < 0.0501, max_error=0.05).answers_nothing
        for _ in range(400)
    ]
    assert np.mean(passed) <= 0.08


def test_promise_for_a_counted_batch_is_kept_and_answers_less() -> None:
    broken, less = [], []
    for seed in range(300):
        confidence, wrong = simulate(seed, 1_500)
        threshold = choose_threshold(confidence, wrong, max_error=0.05, n_future=500)
        new, new_wrong = simulate(seed + 10_000, 500)
        answered = new >= threshold.value
        broken.append(new_wrong[answered].sum() > 0.05 * answered.sum())
        less.append(threshold.coverage - choose_threshold(confidence, wrong, max_error=0.05).coverage)
    assert np.mean(broken) <= 0.08
    assert max(less) <= 0
    assert min(less) < 0


def test_bound_of_what_it_answers_is_at_most_the_promise() -> None:
    threshold = choose_threshold(*simulate(1, 2_000), max_error=0.03)
    assert 0 < threshold.coverage < 1
    assert threshold.error_upper_bound <= 0.03
    assert threshold.n_wrong <= 0.03 * threshold.n_answered


def test_a_laxer_promise_answers_no_less() -> None:
    confidence, wrong = simulate(2, 2_000)
    coverages = [choose_threshold(confidence, wrong, max_error=error).coverage for error in (0.02, 0.05, 0.1)]
    assert coverages == sorted(coverages)


def test_too_few_labels_promise_nothing() -> None:
    assert choose_threshold(np.full(100, 0.99), np.zeros(100, bool), max_error=0.02).answers_nothing
    assert choose_threshold(np.empty(0), np.empty(0, bool), max_error=0.02).answers_nothing


def test_a_faultless_record_long_enough_answers_everything() -> None:
    threshold = choose_threshold(np.full(150, 0.6), np.zeros(150, bool), max_error=0.02)
    assert threshold.coverage == 1
    assert threshold.value <= 0.6


def test_known_errors_of_the_reference_are_not_laid_on_the_student() -> None:
    broken, silent = [], 0
    for seed in range(150):
        generator = np.random.default_rng([seed, 1])
        confidence, wrong = simulate(seed, 3_000)
        # Five classes: a wrong reference label differs from a right answer, and from a wrong one in 3 of 4 cases.
        noisy = generator.random(3_000) < 0.068
        disagrees = np.where(noisy, ~wrong | (generator.random(3_000) < 0.75), wrong)
        threshold = choose_threshold(confidence, disagrees, max_error=0.05, label_error=0.068, n_classes=5)
        broken.append(true_error(threshold.value) > 0.05)
        silent += threshold.answers_nothing
        assert choose_threshold(confidence, disagrees, max_error=0.05).answers_nothing
    assert np.mean(broken) <= 0.09
    assert silent < 75


def test_unequal_inclusion_is_thinned_to_an_equal_one() -> None:
    broken = []
    for seed in range(200):
        generator = np.random.default_rng([seed, 1])
        confidence, wrong = simulate(seed, 3_000)
        # The easy half is drawn four times as often, which flatters whoever forgets the weights.
        probability = np.where(confidence > 0.9, 0.8, 0.2)
        drawn = generator.random(3_000) < probability
        threshold = choose_threshold(
            confidence[drawn], wrong[drawn], max_error=0.05, weights=1 / probability[drawn], seed=seed
        )
        assert threshold.n < drawn.sum()
        broken.append(true_error(threshold.value) > 0.05)
    assert np.mean(broken) <= 0.085


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_error": 0.0}, "max_error is 0.0; give a share above 0"),
        ({"max_error": 0.1, "delta": 1.0}, "delta is 1.0"),
        ({"max_error": 0.1, "weights": np.array([1.0, 0.0])}, "not above 0"),
        ({"max_error": 0.1, "weights": np.array([1.0])}, "1 weights for 2 items"),
        ({"max_error": 0.1, "n_future": 0}, "n_future is 0"),
        ({"max_error": 0.1, "label_error": 0.6}, "label_error is 0.6; give"),
    ],
)
def test_impossible_values_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(LabelerError, match=message):
        choose_threshold(np.array([0.5, 0.6]), np.array([False, True]), **arguments)


def test_confidence_outside_its_range_is_refused() -> None:
    with pytest.raises(LabelerError, match="confidence 1.2 is no probability"):
        choose_threshold(np.array([1.2]), np.array([False]), max_error=0.1)
