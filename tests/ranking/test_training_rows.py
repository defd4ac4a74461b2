from __future__ import annotations

import polars as pl

from tasks.ranking.training_rows import drop_flat_groups, select_training_rows
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
    assert found.dropped == {"unlabelled": 4, "not_a_candidate": 0, "beyond_group_limit": 0}


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


def test_long_groups_keep_the_relevant_then_the_best_placed():
    rows = features([("u", f"i{n}", float(n)) for n in range(1, 8)])
    found = select_training_rows(rows, truth([("u", "i7", 3, True)]), seed=1, max_rows=3)
    assert sorted(graded(found)) == [("u", "i1"), ("u", "i2"), ("u", "i7")]
    assert found.dropped["beyond_group_limit"] == 4


def test_rows_of_a_user_lie_together():
    users = select_training_rows(ROWS, truth([("u", "a", 3, True), ("v", "b", 2, True)]), seed=1).frame["user_id"]
    assert users.to_list() == ["u", "u", "v", "v"]


def test_users_with_one_grade_teach_nothing():
    frame = pl.DataFrame({"user_id": ["u", "u", "v", "v"], "grade": [0, 0, 0, 1]})
    assert drop_flat_groups(frame)["user_id"].to_list() == ["v", "v"]
