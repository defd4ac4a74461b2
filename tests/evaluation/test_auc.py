from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from tasks.contracts.errors import StepError
from tasks.evaluation.auc import auc_of_scores, scores_of_ranks


def frame(rows, columns):
    return pl.DataFrame(rows, schema=columns, orient="row")


def scored(rows):
    return frame(rows, {"user_id": pl.String, "item_id": pl.String, "score": pl.Float64})


def labels(rows):
    return frame(rows, {"user_id": pl.String, "item_id": pl.String, "grade": pl.Int64})


@pytest.mark.parametrize("seed", range(5))
def test_auc_agrees_with_scikit_learn_ties_included(seed):
    draw = np.random.default_rng(seed)
    grades = draw.integers(0, 4, size=40)
    values = draw.integers(0, 6, size=40).astype(float)
    known = labels([("u", f"i{n}", int(grade)) for n, grade in enumerate(grades)])
    found = auc_of_scores(scored([("u", f"i{n}", value) for n, value in enumerate(values)]), known)
    assert found["auc"][0] == pytest.approx(roc_auc_score(grades >= 2, values), abs=1e-12)


def test_items_that_the_list_lacks_stand_below_it_tied():
    known = labels([("u", "a", 3), ("u", "b", 0), ("u", "c", 3), ("u", "d", 0)])
    found = auc_of_scores(scores_of_ranks(frame([("u", "a", 1)], ["user_id", "item_id", "rank"])), known)
    # a beats b and d; c ties with both.
    assert found["auc"][0] == pytest.approx((2 + 2 * 0.5) / 4)


def test_a_user_without_a_list_is_at_chance_and_one_sided_users_are_left_out():
    known = labels([("u", "a", 3), ("u", "b", 0), ("v", "a", 3), ("w", "a", 0)])
    assert auc_of_scores(scored([]), known).rows() == [("u", 0.5)]


def test_items_without_a_label_count_as_not_relevant_where_it_is_said_listed_or_not():
    known = labels([("u", "a", 3), ("u", "b", 1), ("u", "missed", 2), ("v", "a", 3), ("v", "b", 0)])
    lists = scored([("u", "c", 3.0), ("u", "a", 2.0), ("u", "b", 1.0), ("v", "c", 3.0), ("v", "a", 2.0)])
    found = auc_of_scores(lists, known, unlabelled=frame([("u", 4)], ["user_id", "n_items"]))
    # Others of u: c above, b below, and three in no list; `missed` ties with these three.
    assert found.rows() == [("u", pytest.approx((4 + 3 / 2) / (2 * 5))), ("v", 1.0)]


def test_auc_over_the_catalog_agrees_with_scikit_learn():
    draw = np.random.default_rng(1)
    values = draw.integers(0, 5, size=30).astype(float)
    is_relevant = draw.uniform(size=30) < 0.3
    known = labels([("u", f"i{n}", 3) for n in np.flatnonzero(is_relevant)])
    listed = scored([("u", f"i{n}", values[n]) for n in range(30) if values[n] > 0])
    found = auc_of_scores(listed, known, unlabelled=frame([("u", int((~is_relevant).sum()))], ["user_id", "n_items"]))
    assert found["auc"][0] == pytest.approx(roc_auc_score(is_relevant, values), abs=1e-12)


def test_weights_estimate_the_auc_over_all_items_from_a_sample():
    draw = np.random.default_rng(3)
    grades, values = draw.integers(0, 4, size=200), draw.normal(size=200)
    values += grades * 0.5
    chance = np.where(values > np.median(values), 0.7, 0.2)
    everything = scored([(f"{n:03}", f"i{i}", value) for n in range(150) for i, value in enumerate(values)])
    rows = [
        (f"{n:03}", f"i{i}", int(grades[i]), chance[i])
        for n in range(150)
        for i in np.flatnonzero(draw.uniform(size=200) < chance)
    ]
    sample = frame(rows, ["user_id", "item_id", "grade", "sampling_probability"])
    truth = roc_auc_score(grades >= 2, values)
    estimate = auc_of_scores(everything, sample)["auc"].mean()
    naive = auc_of_scores(everything, sample.drop("sampling_probability"))["auc"].mean()
    assert estimate == pytest.approx(truth, abs=0.01)
    assert abs(naive - truth) > 2 * abs(estimate - truth)


def test_a_missing_score_is_refused():
    with pytest.raises(StepError, match="no score"):
        auc_of_scores(scored([("u", "a", float("nan"))]), labels([("u", "a", 3)]))
