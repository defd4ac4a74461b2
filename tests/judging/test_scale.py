"""From strengths to grades: one scale for all, a level for each, and a list of zeros stays a list of zeros."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from tasks.judging import scale
from tasks.judging.grading import NO_ANCHOR, NOT_COMPARED, Anchor, grade_all, pick_anchors, stand
from tasks.judging.order_bias import Ranked
from tasks.judging.scale import choose_anchors, fit_scale, grade_of


def anchors(*, n_users: int, each: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Strengths, grades and users by the model itself, and the true levels."""
    draw = np.random.default_rng(seed)
    users = np.repeat(np.arange(n_users), each)
    levels, strengths = draw.normal(0, 2, n_users), draw.normal(0, 1.5, n_users * each)
    latent = 1.7 * (strengths + levels[users]) + draw.logistic(size=len(users))
    return strengths, (latent[:, None] > np.array([0.0, 1.5, 3.0])).sum(axis=1), users, levels


def test_scale_is_recovered() -> None:
    strengths, grades, users, levels = anchors(n_users=150, each=6, seed=1)
    found = fit_scale(strengths, grades, users, 150)
    assert found.slope == pytest.approx(1.7, rel=0.2)
    assert np.diff(found.cuts) == pytest.approx([1.5, 1.5], rel=0.25)
    assert np.corrcoef(found.chances @ found.levels, levels)[0, 1] > 0.85


def test_users_whose_anchors_are_all_zeros_get_zeros_only() -> None:
    """The order inside a list says nothing of whether any of it is good: levels do."""
    strengths = np.tile([-2.0, -0.5, 0.5, 2.0], 40)
    users = np.repeat(np.arange(40), 4)
    grades = np.where(users < 20, 0, np.tile([0, 1, 2, 3], 40))
    found = fit_scale(strengths, grades, users, 40)
    given, sure = grade_of(found.probabilities(strengths, np.full(160, 0.5), users))
    assert given[users < 20].max() == 0
    assert set(given[users >= 20].tolist()) >= {0, 1, 2, 3}
    assert ((sure > 0) & (sure <= 1)).all()


def test_grades_never_contradict_the_order() -> None:
    strengths, grades, users, _ = anchors(n_users=20, each=4, seed=4)
    found = fit_scale(strengths, grades, users, 20)
    line = np.linspace(-4, 4, 50)
    given, _ = grade_of(found.probabilities(line, np.zeros(50), np.full(50, 7)))
    assert (np.diff(given) >= 0).all()


def test_doubt_lowers_the_confidence() -> None:
    strengths, grades, users, _ = anchors(n_users=20, each=4, seed=4)
    found = fit_scale(strengths, grades, users, 20)
    sure, unsure = (found.probabilities(np.array([4.0]), np.array([error]), np.array([0])) for error in (0.1, 3.0))
    assert sure.max() > unsure.max()
    assert sure.sum() == pytest.approx(1.0)


def test_anchors_are_spread_over_the_order() -> None:
    ranked = [f"i{number}" for number in range(10)]
    assert choose_anchors(ranked, set(), n_anchors=4) == ["i0", "i3", "i6", "i9"]
    assert choose_anchors(ranked, {"i0", "i3"}, n_anchors=4) == ["i6", "i9"]
    assert choose_anchors(ranked, {"i1", "i2", "i4", "i5"}, n_anchors=4) == []
    assert choose_anchors(ranked[:2], set(), n_anchors=4) == ["i0", "i1"]
    assert doctest.testmod(scale).failed == 0


def ranked(user: str, *best_first: str) -> tuple[Ranked, str]:
    return Ranked(user, best_first, tuple(range(1, len(best_first) + 1))), f"{best_first[0]} is best"


def test_pair_without_evidence_gets_no_grade_and_says_why() -> None:
    with_order = stand("u", ["a", "b", "c"], [ranked("u", "a", "b")])
    without_anchor = stand("v", ["a", "b"], [ranked("v", "b", "a")])
    found = grade_all([with_order, without_anchor], {"u": {"a": Anchor(3, 0.9, "so")}})
    assert set(found.grades) == {("u", "a"), ("u", "b")}
    assert found.ungraded == {("u", "c"): NOT_COMPARED, ("v", "a"): NO_ANCHOR, ("v", "b"): NO_ANCHOR}
    assert (
        found.grades["u", "a"].reason
        == "better than 1 of 1 items it was put beside in 1 list; where it did best: a is best"
    )


def test_without_any_anchor_nobody_gets_a_grade() -> None:
    found = grade_all([stand("u", ["a", "b"], [ranked("u", "a", "b")])], {})
    assert (found.grades, found.n_anchors, found.agreement.n) == ({}, 0, 0)
    assert grade_all([], {}).grades == {}


def test_pair_that_no_list_could_hold_is_graded_by_itself() -> None:
    alone = stand("u", ["a"], [])
    assert pick_anchors(alone, ["a"], {}, n_anchors=4) == ["a"]
    found = grade_all([alone], {"u": {"a": Anchor(2, 0.8, "so")}})
    assert found.grades == {("u", "a"): Anchor(2, 0.8, "so")}


def test_order_with_an_item_of_another_catalog_is_left_out() -> None:
    found = stand("u", ["a", "b"], [ranked("u", "a", "z"), ranked("u", "b", "a")])
    assert found.ranked == ["b", "a"]
