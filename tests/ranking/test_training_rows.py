from __future__ import annotations

import polars as pl
import pytest

from tasks.ranking.training_rows import drop_flat_queries, select_training_rows
from tasks.ranking.truth import TRUTH_COLUMNS


def features(rows):
    """rows: user, item, fused_rank (NaN: not a candidate)."""
    return pl.DataFrame(
        rows, schema={"user_id": pl.String, "item_id": pl.String, "fused_rank": pl.Float32}, orient="row"
    )


def truth(rows):
    """rows: user, item, grade, has_interaction."""
    full = [(user, item, grade, "interactions" if acted else "judge", 1.0, acted) for user, item, grade, acted in rows]
    types = (pl.String, pl.String, pl.Int8, pl.String, pl.Float64, pl.Boolean)
    return pl.DataFrame(full, schema=dict(zip(TRUTH_COLUMNS, types, strict=True)), orient="row")


NAN = float("nan")
ROWS = features([("u", "a", 1.0), ("u", "b", 2.0), ("u", "c", NAN), ("v", "a", 1.0), ("v", "b", 2.0), ("v", "c", NAN)])


def graded(found):
    return {(user, item): grade for user, item, grade in found.frame.select("user_id", "item_id", "grade").iter_rows()}


def test_judged_users_learn_from_judged_pairs_only():
    found = select_training_rows(ROWS, truth([("u", "a", 0, False), ("u", "c", 3, False)]), seed=1)
    assert graded(found) == {("u", "a"): 0, ("u", "c"): 3}
    assert found.dropped == {"unlabelled": 4, "not_a_candidate": 0, "beyond_query_limit": 0}


def test_unlabelled_candidates_of_active_users_count_as_zero():
    found = select_training_rows(ROWS, truth([("u", "a", 3, True), ("v", "a", 2, False)]), seed=1)
    assert graded(found) == {("u", "a"): 3, ("u", "b"): 0, ("v", "a"): 2}


def test_to_be_no_candidate_never_tells_the_grade():
    found = select_training_rows(ROWS, truth([("u", "a", 3, True), ("u", "c", 3, True)]), seed=1)
    assert graded(found) == {("u", "a"): 3, ("u", "b"): 0}
    assert found.dropped["not_a_candidate"] == 1


def test_negatives_are_sampled_by_hash():
    rows = features([("u", f"i{n}", float(n)) for n in range(1, 100)])
    found = select_training_rows(rows, truth([("u", "i1", 3, True)]), seed=1, max_negatives=10)
    assert len(found.frame) == 11
    assert graded(found) == graded(
        select_training_rows(rows.reverse(), truth([("u", "i1", 3, True)]), seed=1, max_negatives=10)
    )
    other = select_training_rows(rows, truth([("u", "i1", 3, True)]), seed=2, max_negatives=10)
    assert graded(found) != graded(other)


def test_the_order_of_rows_does_not_leak_the_grade():
    rows = features([("u", f"i{n:03}", float(n)) for n in range(1, 201)])
    labels = truth([("u", f"i{n:03}", 3, True) for n in range(1, 21)])
    frame = select_training_rows(rows, labels, seed=1).frame
    places = [place for place, grade in enumerate(frame["grade"]) if grade]
    assert 70 < sum(places) / len(places) < 130
    assert frame.equals(select_training_rows(rows.reverse(), labels.reverse(), seed=1).frame)


def long_user(n_rows, relevant=()):
    rows = features([("u", f"i{n:05}", float(n)) for n in range(1, n_rows + 1)])
    return rows, truth([("u", f"i{n:05}", 3, True) for n in relevant])


def test_long_queries_keep_the_relevant_then_the_best_placed_then_a_sample():
    rows, labels = long_user(200, relevant=[200])
    found = select_training_rows(rows, labels, seed=1, max_rows=21)
    places = sorted(int(item[1:]) for _, item in graded(found))
    assert len(places) == 21
    assert places[:10] == list(range(1, 11))
    assert places[-1] == 200
    assert found.dropped["beyond_query_limit"] == 179
    again = select_training_rows(rows.reverse(), labels, seed=1, max_rows=21)
    assert again.frame.equals(found.frame)


def test_the_sample_of_a_long_query_stands_for_what_was_left_out():
    rows, labels = long_user(12_000, relevant=range(50, 11_000, 500))
    found = select_training_rows(rows, labels, seed=1, max_negatives=12_000)
    assert len(found.frame) == 10_000
    assert found.dropped == {"unlabelled": 0, "not_a_candidate": 0, "beyond_query_limit": 2000}
    assert found.frame.filter(pl.col("grade") > 0).height == 22
    assert (1 / found.frame["sampling_probability"]).sum() == pytest.approx(12_000)


def test_sampled_negatives_stand_for_all():
    rows, labels = long_user(100, relevant=[1])
    frame = select_training_rows(rows, labels, seed=1, max_negatives=11).frame
    assert (1 / frame["sampling_probability"]).sum() == pytest.approx(100)
    assert frame.filter(pl.col("grade") == 3)["sampling_probability"].to_list() == [1.0]


def test_more_relevant_rows_than_fit_keep_the_highest_grades():
    rows = features([("u", f"i{n}", float(n)) for n in range(1, 9)])
    labels = truth([("u", f"i{n}", 1 + n % 2 * 2, True) for n in range(1, 9)])
    found = select_training_rows(rows, labels, seed=1, max_rows=4)
    assert found.frame["grade"].to_list() == [3, 3, 3, 3]


def test_the_ideal_counts_labels_that_are_no_rows():
    found = select_training_rows(ROWS, truth([("u", "a", 1, True), ("u", "c", 2, True), ("v", "a", 1, False)]), seed=1)
    ideal = dict(found.frame.select("user_id", "ideal_dcg").unique().iter_rows())
    assert ideal == {"u": pytest.approx(3 + 1 / 1.5849625), "v": pytest.approx(1.0)}


def test_rows_of_a_user_lie_together():
    users = select_training_rows(ROWS, truth([("u", "a", 3, True), ("v", "b", 2, True)]), seed=1).frame["user_id"]
    assert users.to_list() == ["u", "u", "v", "v"]


def test_queries_with_one_grade_teach_nothing():
    folds = pl.DataFrame({"user_id": ["u"] * 4, "fold": [0, 0, 1, 1], "grade": [0, 1, 2, 2]})
    assert drop_flat_queries(folds)["fold"].to_list() == [0, 0]


def test_users_with_one_grade_teach_nothing():
    frame = pl.DataFrame({"user_id": ["u", "u", "v", "v"], "grade": [0, 0, 0, 1]})
    assert drop_flat_queries(frame)["user_id"].to_list() == ["v", "v"]
