"""What places do to ranks: a planted bias is found within its interval, and none where there is none."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from tasks.judging import order_bias
from tasks.judging.order_bias import Ranked, exact_share, measure_order_bias


def judge(*, bias: float, window: int, users: int, lists: int, seed: int) -> list[Ranked]:
    """Lists shown both ways to a judge who puts the first shown first with probability `bias`, else says the truth."""
    draw = np.random.default_rng(seed)
    found = []
    for user in range(users):
        for number in range(lists):
            items = [f"{number}-{place}" for place in range(window)]
            worth = dict(zip(items, draw.random(window), strict=True))
            for shown in (items, items[::-1]):
                best_first = sorted(shown, key=lambda key: -worth[key])
                if draw.random() < bias:
                    best_first.sort(key=lambda key, first=shown[0]: key != first)
                ranks = tuple(best_first.index(key) + 1 for key in shown)
                found.append(Ranked(f"u{user}", tuple(shown), ranks))
    return found


@pytest.mark.parametrize("bias", [0.0, 0.1, 0.3, 1.0])
def test_planted_bias_of_pairs_is_found(bias: float) -> None:
    inside = 0
    for seed in range(20):
        found = measure_order_bias(judge(bias=bias, window=2, users=20, lists=20, seed=seed))["order_bias"]
        assert found.value == pytest.approx(bias, abs=0.12)
        inside += found.low <= bias <= found.high
    assert inside >= 17


def test_consistent_judge_is_consistent() -> None:
    found = measure_order_bias(judge(bias=0.0, window=5, users=12, lists=5, seed=1))
    assert found["order_bias"].value == 0.0
    assert found["order_consistency"].value == 1.0
    assert found["first_place"].value == pytest.approx(1 / 5, abs=0.1)


def test_longer_lists_show_the_bias_too() -> None:
    found = measure_order_bias(judge(bias=0.5, window=5, users=30, lists=10, seed=1))
    assert found["order_bias"].low > 0.05
    assert found["first_place"].low > 0.45
    assert found["order_consistency"].value < 0.95
    assert found["order_bias"].n == 300


def test_lists_shown_one_way_say_nothing() -> None:
    assert measure_order_bias([Ranked("u", ("a", "b"), (1, 2)), Ranked("v", ("b", "a"), (1, 2))]) == {}
    assert measure_order_bias([]) == {}


def test_who_always_takes_the_first_has_a_bias_of_one() -> None:
    both = [Ranked("u", ("a", "b"), (1, 2)), Ranked("u", ("b", "a"), (1, 2))]
    found = measure_order_bias(both)
    assert (found["order_bias"].value, found["first_place"].value, found["order_consistency"].value) == (1.0, 1.0, 0.0)
    turned = [Ranked("u", one.items, one.ranks[::-1]) for one in both]
    assert measure_order_bias(turned)["order_bias"].value == -1.0


def test_shares_have_exact_intervals() -> None:
    assert (exact_share(5, 5).low, exact_share(5, 5).high) == (pytest.approx(0.4782, abs=1e-4), 1.0)
    assert doctest.testmod(order_bias).failed == 0
