from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from tasks.contracts.errors import StepError
from tasks.evaluation.bootstrap import bootstrap_differences, bootstrap_means


def per_user(values, name="m"):
    return pl.DataFrame({"user_id": [f"{n:04}" for n in range(len(values))], name: values})


def test_interval_is_that_of_the_normal_law_for_many_users():
    values = np.random.default_rng(0).normal(5, 2, size=2000)
    found = bootstrap_means(per_user(values), ["m"], seed=1, n_resamples=2000)["m"]
    half = 1.96 * values.std() / math.sqrt(2000)
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.01)
    assert found.high == pytest.approx(values.mean() + half, abs=0.01)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    draw = np.random.default_rng(2)
    covered = 0
    for seed in range(200):
        found = bootstrap_means(per_user(draw.exponential(size=100)), ["m"], seed=seed, n_resamples=400)["m"]
        covered += found.low <= 1.0 <= found.high
    assert 0.88 <= covered / 200 <= 0.99


def test_same_seed_same_interval():
    frame = per_user(np.arange(50.0))
    assert bootstrap_means(frame, ["m"], seed=3) == bootstrap_means(frame, ["m"], seed=3)
    assert bootstrap_means(frame, ["m"], seed=3) != bootstrap_means(frame, ["m"], seed=4)


def test_many_users_are_resampled_in_blocks(monkeypatch):
    frame = per_user(np.arange(50.0))
    monkeypatch.setattr("tasks.evaluation.bootstrap.BLOCK_CELLS", 120)
    found = bootstrap_means(frame, ["m"], seed=3, n_resamples=500)["m"]
    assert found.low < found.mean < found.high


def test_pairing_narrows_the_interval_of_a_difference():
    base = np.random.default_rng(4).uniform(size=300)
    better = base + 0.01
    found = bootstrap_differences(per_user(better), per_user(base), ["m"], seed=5)["m"]
    assert found.mean == pytest.approx(0.01)
    assert found.low == pytest.approx(0.01)
    assert found.excludes_zero


def test_differences_are_paired_by_user_not_by_row():
    frame = per_user([1.0, 2.0, 3.0])
    found = bootstrap_differences(frame, frame.reverse(), ["m"], seed=0)["m"]
    assert (found.low, found.high) == (0.0, 0.0)
    assert not found.excludes_zero


def test_different_users_are_refused():
    with pytest.raises(StepError, match="3 and 2 users share 2"):
        bootstrap_differences(per_user([1.0, 2.0, 3.0]), per_user([1.0, 2.0]), ["m"], seed=0)


def test_no_user_gives_no_number():
    found = bootstrap_means(per_user([]).with_columns(pl.col("m").cast(pl.Float64)), ["m"], seed=0)["m"]
    assert math.isnan(found.mean)
    assert math.isnan(found.low)
