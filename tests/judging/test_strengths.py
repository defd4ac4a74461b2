"""Strengths from orders: the same as the library's, finite for who always wins, and even where places decide."""

from __future__ import annotations

import choix
import numpy as np
import pytest

from tasks.contracts.errors import StepError
from tasks.judging.strengths import PRIOR, fit_strengths


def orders_by(worth: np.ndarray, *, windows: int, size: int, seed: int) -> list[tuple[int, ...]]:
    """Orders that a Plackett-Luce judge gives (Gumbel's trick)."""
    draw = np.random.default_rng(seed)
    shown = [draw.permutation(len(worth))[:size] for _ in range(windows)]
    return [tuple(one[np.argsort(-(worth[one] + draw.gumbel(size=size)))].tolist()) for one in shown]


@pytest.mark.parametrize("size", [2, 3, 7])
def test_strengths_are_those_of_the_library(size: int) -> None:
    worth = np.random.default_rng(1).normal(0, 1.5, 15)
    orders = list({frozenset(one): one for one in orders_by(worth, windows=40, size=size, seed=2)}.values())
    expected = choix.opt_rankings(15, orders, alpha=PRIOR)
    np.testing.assert_allclose(fit_strengths(orders, 15).values, expected, atol=1e-4)


def test_known_order_is_recovered() -> None:
    worth = np.linspace(3, -3, 30)
    found = fit_strengths(orders_by(worth, windows=60, size=8, seed=3), 30)
    assert np.corrcoef(found.values, worth)[0, 1] > 0.95
    near = np.abs(found.values - found.values.mean() - worth) < 2.5 * found.errors
    assert near.mean() > 0.8


def test_who_always_wins_and_who_is_never_compared_are_finite() -> None:
    found = fit_strengths([(0, 1), (0, 2), (1, 2)], 5)
    assert found.values[0] > found.values[1] > found.values[2]
    assert np.isfinite(found.values).all()
    assert found.values[3:].tolist() == [0.0, 0.0]
    assert found.errors[3] == pytest.approx(1 / np.sqrt(2 * PRIOR))
    assert found.n_lists.tolist() == [2, 2, 2, 0, 0]


def test_who_wins_only_where_shown_first_comes_out_even() -> None:
    found = fit_strengths([(0, 1), (1, 0)], 2)
    assert found.values == pytest.approx([0.0, 0.0])


def test_asking_twice_makes_no_surer() -> None:
    once, twice = fit_strengths([(0, 1, 2)], 3), fit_strengths([(0, 1, 2), (0, 1, 2)], 3)
    assert twice.values == pytest.approx(once.values)
    assert twice.errors == pytest.approx(once.errors)


@pytest.mark.parametrize("order", [(0,), (0, 0), (0, 5), (-1, 0)])
def test_order_that_is_none_is_refused(order: tuple[int, ...]) -> None:
    with pytest.raises(StepError, match="give two or more different numbers below 3"):
        fit_strengths([order], 3)


def test_nothing_to_fit_is_nothing() -> None:
    assert fit_strengths([], 0).values.shape == (0,)
