from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contracts.errors import StepError
from tasks.ranking.gains import MAX_GRADE, check_grades, ideal_dcg, label_gains, ndcg_by_user


def rows(**columns):
    return pl.DataFrame({"user_id": ["u"] * 3, "grade": [3, 0, 2], **columns})


def test_gains_are_lightgbms_up_to_grade_30():
    assert label_gains(4).tolist() == [0, 1, 3, 7, 15]
    assert label_gains(30)[-1] == 2**30 - 1


def test_gains_beyond_stay_in_order_and_finite():
    gains = label_gains(MAX_GRADE)
    assert np.isfinite(gains.astype(np.float32)).all()
    assert (np.diff(gains) > 0).all()
    assert gains[31] - gains[30] == 2**30


@pytest.mark.parametrize("grade", [-1.0, 0.5, MAX_GRADE + 1.0, None])
def test_a_grade_that_is_none_is_refused(grade):
    with pytest.raises(StepError, match=f"grade {grade} is no whole number from 0 to 1000"):
        check_grades(pl.Series([0.0, grade]))


def test_ndcg_is_that_of_the_definition():
    best = 7 + 3 / np.log2(3)
    assert ideal_dcg(rows())["ideal_dcg"].to_list() == pytest.approx([best])
    found = ndcg_by_user(rows(), np.array([1.0, 3.0, 2.0]))
    assert found["ndcg"].to_list() == pytest.approx([(3 / np.log2(3) + 7 / np.log2(4)) / best])


def test_only_the_first_k_count():
    assert ndcg_by_user(rows(), np.array([1.0, 3.0, 2.0]), k=1)["ndcg"].to_list() == [0.0]


def test_the_ideal_may_hold_more_than_the_rows():
    found = ndcg_by_user(rows(ideal_dcg=[20.0] * 3), np.array([3.0, 1.0, 2.0]))
    assert found["ndcg"].to_list() == pytest.approx([(7 + 3 / np.log2(3)) / 20.0])


def test_a_users_folds_are_averaged_and_queries_without_gain_left_out():
    frame = pl.DataFrame(
        {
            "user_id": ["u", "u", "u", "u", "v", "v"],
            "fold": [0, 0, 1, 1, 0, 0],
            "grade": [1, 0, 1, 0, 0, 0],
        }
    )
    found = ndcg_by_user(frame, np.array([2.0, 1.0, 1.0, 2.0, 1.0, 2.0]))
    assert found.rows() == [("u", pytest.approx((1 + 1 / np.log2(3)) / 2))]


def test_equal_scores_keep_the_order_of_the_rows():
    assert ndcg_by_user(rows(), np.zeros(3), k=1)["ndcg"].to_list() == [1.0]
    assert ndcg_by_user(rows().reverse(), np.zeros(3), k=1)["ndcg"].to_list() == pytest.approx([3 / 7])


def test_nothing_has_no_ndcg():
    assert ndcg_by_user(rows().clear(), np.zeros(0)).is_empty()


@settings(deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=30), st.integers(0, 2**31))
def test_ndcg_lies_between_0_and_1_and_the_grades_own_order_reaches_1(grades, seed):
    frame = pl.DataFrame({"user_id": ["u"] * len(grades), "grade": grades})
    scores = np.random.default_rng(seed).normal(size=len(grades))
    found = ndcg_by_user(frame, scores)["ndcg"].to_list()
    assert all(0 <= one <= 1 + 1e-12 for one in found)
    assert ndcg_by_user(frame, np.array(grades, dtype=float))["ndcg"].to_list() == pytest.approx([1.0] * len(found))
