from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from scipy import stats

from tasks.evaluation.significance import adjust_benjamini_hochberg, adjust_holm, paired_t_test, randomisation_test


def test_randomisation_test_agrees_with_every_throw_of_the_coins():
    values = np.array([0.3, -0.1, 0.4, 0.2, 0.05, -0.02, 0.6, 0.1])
    found = randomisation_test(pl.DataFrame({"m": values}), ["m"], seed=1)["m"]
    exact = stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    ).pvalue
    assert found == pytest.approx(exact, abs=0.01)


def test_false_alarms_are_as_rare_as_the_level_says():
    draw = np.random.default_rng(5)
    frame = pl.DataFrame({f"m{n}": draw.normal(size=40) for n in range(400)})
    found = np.array(list(randomisation_test(frame, frame.columns, seed=2, n_throws=999).values()))
    assert 0.02 < (found < 0.05).mean() < 0.09


def test_a_real_difference_is_found_and_no_difference_is_certain():
    values = np.random.default_rng(0).normal(0.5, 1.0, size=200)
    found = randomisation_test(pl.DataFrame({"real": values, "none": np.zeros(200)}), ["real", "none"], seed=0)
    assert found["real"] == pytest.approx(1 / 10_000)
    assert found["none"] == 1.0


def test_users_without_a_value_are_left_out():
    values = [0.3, None, 0.4, 0.2, None, 0.5]
    kept = [value for value in values if value is not None]
    found = randomisation_test(pl.DataFrame({"m": values, "empty": [None] * 6}), ["m", "empty"], seed=1)
    assert found["m"] == pytest.approx(2 / 2 ** len(kept), abs=0.02)
    assert math.isnan(found["empty"])


def test_many_throws_are_made_in_blocks(monkeypatch):
    frame = pl.DataFrame({"m": np.random.default_rng(1).normal(0.2, 1, size=30)})
    whole = randomisation_test(frame, ["m"], seed=3)["m"]
    monkeypatch.setattr("tasks.evaluation.significance.BLOCK_CELLS", 3000)
    assert randomisation_test(frame, ["m"], seed=3)["m"] == pytest.approx(whole, abs=0.02)


def test_t_test_agrees_with_scipy():
    values = np.random.default_rng(7).normal(0.1, 1, size=50)
    assert paired_t_test(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    assert paired_t_test(np.zeros(5)) == 1.0
    assert math.isnan(paired_t_test(np.ones(1)))


@pytest.mark.parametrize("seed", range(5))
def test_benjamini_hochberg_agrees_with_scipy(seed):
    values = np.random.default_rng(seed).uniform(size=12)
    assert adjust_benjamini_hochberg(values) == pytest.approx(stats.false_discovery_control(values))


def test_holm_steps_down():
    assert adjust_holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert adjust_holm([0.6, 0.9]) == [1.0, 1.0]
    assert adjust_holm([]) == []


def test_what_was_not_measured_does_not_count_as_a_question():
    found = adjust_holm([0.01, float("nan"), 0.02])
    assert found[0] == pytest.approx(0.02)
    assert math.isnan(found[1])
