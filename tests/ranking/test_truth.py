from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contracts.catalog import RelevanceConfig
from tasks.contracts.errors import ConfigError
from tasks.ranking.truth import grade_interactions, merge_truth, split_history

START = datetime(2026, 1, 1)


def interactions(rows):
    """rows: user, item, days after START (None: unknown)."""
    return pl.DataFrame(
        {
            "user_id": [row[0] for row in rows],
            "item_id": [row[1] for row in rows],
            "occurred_at": [None if row[2] is None else START + timedelta(days=row[2]) for row in rows],
        },
        schema={"user_id": pl.String, "item_id": pl.String, "occurred_at": pl.Datetime("us")},
    )


def hide(rows, **config):
    return split_history(interactions(rows), config=RelevanceConfig(**config), seed=1)


def pairs(frame):
    return sorted(frame.select("user_id", "item_id").unique().rows())


def test_the_latest_quarter_is_hidden():
    parts = hide([("u", f"i{day}", day) for day in range(8)])
    assert pairs(parts.held_out) == [("u", "i6"), ("u", "i7")]
    assert len(parts.history) == 6


def test_at_least_one_item_is_hidden_and_one_is_left():
    parts = hide([("u", "a", 0), ("u", "b", 1), ("lone", "a", 0)])
    assert pairs(parts.held_out) == [("u", "b")]
    assert pairs(parts.history) == [("lone", "a"), ("u", "a")]


def test_an_item_met_again_is_not_hidden():
    parts = hide([("u", "a", 0), ("u", "b", 1), ("u", "a", 2)])
    assert pairs(parts.held_out) == [("u", "b")]
    assert len(parts.history) == 2


def test_interactions_without_a_time_count_as_oldest():
    parts = hide([("u", "b", None), ("u", "a", 0)])
    assert pairs(parts.held_out) == [("u", "a")]


def test_a_share_of_zero_hides_nothing():
    assert len(hide([("u", "a", 0), ("u", "b", 1)], holdout_share=0).held_out) == 0


def test_random_order_depends_on_the_seed_only():
    rows = [("u", f"i{day}", day) for day in range(40)]
    first = hide(rows, holdout_order="random")
    assert pairs(first.held_out) == pairs(hide(rows[::-1], holdout_order="random").held_out)
    assert pairs(first.held_out) != pairs(hide(rows).held_out)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("uvw"), st.sampled_from("abcdefgh"), st.integers(0, 9)), max_size=40),
    st.sampled_from(["time", "random"]),
    st.floats(0, 0.9),
)
def test_no_pair_is_on_both_sides_and_no_row_is_lost(rows, order, share):
    parts = hide(rows, holdout_order=order, holdout_share=share)
    assert not set(pairs(parts.history)) & set(pairs(parts.held_out))
    assert len(parts.history) + len(parts.held_out) == len(rows)
    for user in {row[0] for row in rows}:
        assert user in parts.history["user_id"].to_list()


def events(rows):
    schema = {"user_id": pl.String, "item_id": pl.String, "event": pl.String, "value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_the_first_rule_that_fits_wins():
    rules = {"rating>=5": 3, "rating>=4": 2, "rating": 0, "click": 1}
    rows = [("u", "a", "rating", 5.0), ("u", "b", "rating", 4.5), ("u", "c", "rating", None), ("u", "d", "click", None)]
    found = grade_interactions(events([*rows, ("u", "e", "scroll", 9.0)]), rules)
    assert found.rows() == [("u", "a", 3), ("u", "b", 2), ("u", "c", 0), ("u", "d", 1)]


def test_the_best_of_several_interactions_counts():
    found = grade_interactions(events([("u", "a", "view", None), ("u", "a", "like", None)]), {"like": 3, "view": 1})
    assert found.rows() == [("u", "a", 3)]


def test_without_rules_nothing_has_a_grade():
    assert len(grade_interactions(events([("u", "a", "view", None)]), {})) == 0


def test_a_rule_without_a_number_is_refused():
    with pytest.raises(ValueError, match="rule 'rating>=high' has no number"):
        grade_interactions(events([]), {"rating>=high": 1})


def test_a_grade_above_three_is_refused():
    with pytest.raises(ConfigError, match="grade rule 'like' gives 5"):
        grade_interactions(events([]), {"like": 5})


JUDGE = pl.DataFrame(
    {"user_id": ["u", "u"], "item_id": ["a", "b"], "grade": [3, 0], "sampling_probability": [0.5, 0.1]}
)
ACTS = pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "c"], "grade": [1, 2]})


def test_the_first_truth_wins_and_an_interaction_is_certain():
    merged = merge_truth(judge=JUDGE, interactions=ACTS, order=("judge", "interactions"))
    assert merged.select("item_id", "grade", "truth", "sampling_probability", "has_interaction").rows() == [
        ("a", 3, "judge", 1.0, True),
        ("b", 0, "judge", 0.1, False),
        ("c", 2, "interactions", 1.0, True),
    ]
    swapped = merge_truth(judge=JUDGE, interactions=ACTS, order=("interactions", "judge"))
    assert swapped["grade"].to_list() == [1, 0, 2]


def test_only_named_truths_are_used():
    merged = merge_truth(judge=JUDGE, interactions=ACTS, order=("judge",))
    assert merged["sampling_probability"].to_list() == [0.5, 0.1]
    with pytest.raises(ConfigError, match="truth is empty"):
        merge_truth(judge=JUDGE, interactions=ACTS, order=())
