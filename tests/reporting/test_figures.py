"""Figures by hand: accuracy, precision, kappas, alpha, tables, reliability."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from tasks.agreement import measure_alpha, measure_pair
from tasks.reporting import figures
from tasks.student.intervals import wilson_interval


def test_accuracy_counts_an_abstention_that_people_share_as_right() -> None:
    found = figures.accuracy({("a", "a"): 6, ("a", "b"): 2, (figures.NONE, figures.NONE): 1, ("b", figures.NONE): 1})
    assert (found.value, found.n) == (0.7, 10)
    assert (found.low, found.high) == wilson_interval(7, 10)


def test_accuracy_of_nothing_is_undefined() -> None:
    assert math.isnan(figures.accuracy({}).value)


def test_precision_and_recall_are_those_of_similar_pairs() -> None:
    counts = {("true", "true"): 6, ("true", "false"): 2, ("false", "true"): 4, ("false", "false"): 88}
    precision, recall = figures.precision_and_recall(counts)
    assert (precision.value, precision.n) == (0.6, 10)
    assert (recall.value, recall.n) == (0.75, 8)


def test_quadratic_kappa_by_hand_leaves_out_what_is_no_grade() -> None:
    rows = [("u1", "0", "0"), ("u1", "3", "3"), ("u2", "0", "3"), ("u2", "3", "3"), ("u2", "3", figures.NONE)]
    # Of four pairs one differs by 3; by chance 2 of 4 would: 1 - (9/4) / (9/2).
    found = figures.quadratic_kappa(rows)
    assert (found.value, found.n) == (pytest.approx(0.5), 4)


def test_pair_and_alpha_are_those_of_the_room_of_agreement() -> None:
    draw = np.random.default_rng(1)
    left = draw.integers(0, 4, 60)
    right = np.where(draw.random(60) < 0.7, left, draw.integers(0, 4, 60))
    frame = pl.DataFrame(
        {
            "question_key": [f"q{place:02d}" for place in range(60)] * 2,
            "labeler": ["one"] * 60 + ["two"] * 60,
            "answer": [str(code) for code in [*left, *right]],
        }
    )
    classes = list(figures.GRADES)
    known = measure_pair(frame, "one", "two", classes=classes, is_ordinal=True, seed=figures.SEED)
    counts: dict[tuple[str, str], int] = {}
    compositions: dict[tuple[str, ...], int] = {}
    for one, two in zip(left, right, strict=True):
        counts[str(one), str(two)] = counts.get((str(one), str(two)), 0) + 1
        both = tuple(sorted((str(one), str(two))))
        compositions[both] = compositions.get(both, 0) + 1
    found = figures.compare_pair("one", "two", counts, is_ordinal=True)
    values = [(figure.value, figure.low, figure.high) for figure in found.figures]
    expected = [(one.value, one.low, one.high) for one in (known.agreement, known.kappa, known.weighted_kappa)]
    assert values == [pytest.approx(one) for one in expected]
    alpha = measure_alpha(frame, classes=classes, is_ordinal=True, seed=figures.SEED)
    ours = figures.alpha(list(compositions.items()), is_ordinal=True)
    assert ours.value == pytest.approx(alpha.value)
    assert ours.n == 60


def test_alpha_without_two_answers_is_undefined() -> None:
    assert math.isnan(figures.alpha([], is_ordinal=False).value)
    assert math.isnan(figures.alpha([(["a", "a"], 3)], is_ordinal=False).value)


def test_matrix_keeps_abstentions_and_puts_the_rarest_answers_together() -> None:
    counts = {(f"t{place:02d}", f"t{place:02d}"): 100 - place for place in range(40)} | {("t00", figures.NONE): 1}
    found = figures.make_matrix(counts, row_title="people", column_title="x")
    assert found.names[-2:] == (figures.OTHER, figures.NONE)
    assert len(found.names) == figures.MAX_NAMES + 2
    assert sum(map(sum, found.counts)) == sum(counts.values())
    assert found.counts[0][-1] == 1


def test_reliability_is_better_after_calibration_of_an_overconfident_labeler() -> None:
    draw = np.random.default_rng(3)
    stated = draw.uniform(0.8, 1.0, 400)
    found = figures.assess_reliability("x", stated, draw.random(400) < 0.6)
    assert found.error_after < found.error_before
    assert sum(point.n for point in found.before) == 400
    assert all(point.low <= point.accuracy <= point.high for point in found.before)


def test_matrix_has_a_row_for_answers_that_nobody_gave() -> None:
    found = figures.make_matrix({("true", "true"): 3}, row_title="a", column_title="b", classes=("false", "true"))
    assert (found.names, found.counts) == (("false", "true"), ((0, 0), (0, 3)))
