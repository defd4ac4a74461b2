from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from tasks.contracts.errors import StepError
from tasks.evaluation.beyond import Surroundings, measure_catalogue, measure_lists


def ranked(rows):
    return pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String, "rank": pl.UInt32}, orient="row")


def surroundings(*, history=(), topics=(), choosers=(), n_users=7):
    vectors = np.array([[1, 0], [0, 1], [0.6, 0.8], [0, 0]], dtype=np.float32)
    return Surroundings(
        item_ids=pl.Series(["a", "b", "c", "blank"]),
        vectors=vectors,
        n_choosers=pl.DataFrame(choosers, schema={"item_id": pl.String, "n_users": pl.UInt32}, orient="row"),
        n_users=n_users,
        topics=pl.DataFrame(
            topics, schema={"item_id": pl.String, "label": pl.String, "share": pl.Float64}, orient="row"
        ),
        history=pl.DataFrame(
            history, schema={"user_id": pl.String, "item_id": pl.String, "weight": pl.Float64}, orient="row"
        ),
    )


def one_user(lists, around, k=10):
    return measure_lists(ranked(lists), pl.Series(["u"]), around, k=k).row(0, named=True)


def test_the_same_item_for_all_is_the_least_and_one_each_the_most():
    same = measure_catalogue(ranked([(f"u{n}", "a", 1) for n in range(4)]), n_items=4, k=10)
    assert same == {"coverage": 0.25, "entropy": 0.0, "entropy_normalised": 0.0, "gini": 0.75}
    even = measure_catalogue(ranked([(f"u{n}", f"i{n}", 1) for n in range(4)]), n_items=4, k=10)
    assert even == {"coverage": 1.0, "entropy": 2.0, "entropy_normalised": 1.0, "gini": pytest.approx(0.0)}


def test_gini_is_the_mean_difference_over_twice_the_mean():
    counts = [5, 3, 1, 0, 0]
    lists = ranked([(f"u{u}", f"i{i}", i + 1) for i, count in enumerate(counts) for u in range(count)])
    pairs = [abs(a - b) for a in counts for b in counts]
    expected = sum(pairs) / len(pairs) / (2 * np.mean(counts))
    assert measure_catalogue(lists, n_items=5, k=10)["gini"] == pytest.approx(expected)


def test_only_the_top_counts_and_more_items_than_there_are_is_refused():
    lists = ranked([("u", "a", 1), ("u", "b", 2)])
    assert measure_catalogue(lists, n_items=2, k=1)["coverage"] == 0.5
    with pytest.raises(StepError, match="2 items of 1"):
        measure_catalogue(lists, n_items=1, k=2)


def test_diversity_is_one_less_the_mean_cosine_of_pairs():
    found = one_user([("u", "a", 1), ("u", "b", 2), ("u", "c", 3), ("u", "blank", 4)], surroundings())
    assert found["diversity@10"] == pytest.approx(1 - (0.0 + 0.6 + 0.8) / 3, abs=1e-6)
    assert one_user([("u", "a", 1), ("u", "blank", 2)], surroundings())["diversity@10"] is None


def test_novelty_is_the_mean_self_information():
    around = surroundings(choosers=[("a", 7), ("b", 1)], n_users=7)
    found = one_user([("u", "a", 1), ("u", "b", 2), ("u", "c", 3)], around)
    assert found["novelty@10"] == pytest.approx((0 + math.log2(4) + math.log2(8)) / 3)


def test_where_nobody_chose_anything_nothing_is_novel_or_known():
    assert one_user([("u", "a", 1)], surroundings(n_users=0))["novelty@10"] is None


def test_popularity_ratio_compares_the_list_with_the_history():
    around = surroundings(choosers=[("a", 6), ("b", 2)], history=[("u", "b", 1.0)])
    assert one_user([("u", "a", 1), ("u", "b", 2)], around)["popularity_ratio@10"] == pytest.approx(4 / 2)
    assert one_user([("u", "a", 1)], surroundings(choosers=[("a", 6)]))["popularity_ratio@10"] is None


def test_calibration_is_zero_for_the_users_own_mix_and_steck_otherwise():
    topics = [("a", "sport", 0.9), ("b", "tech", 0.5), ("c", "sport", 1.0)]
    around = surroundings(topics=topics, history=[("u", "a", 3.0), ("u", "b", 1.0)])
    same = surroundings(topics=topics, history=[("u", "a", 1.0), ("u", "b", 1.0)])
    assert one_user([("u", "c", 1), ("u", "b", 2)], same)["calibration_kl@10"] == pytest.approx(0.0, abs=1e-12)
    smooth = [0.99 * 1.0 + 0.01 * 0.75, 0.01 * 0.25]
    expected = 0.75 * math.log2(0.75 / smooth[0]) + 0.25 * math.log2(0.25 / smooth[1])
    assert one_user([("u", "c", 1)], around)["calibration_kl@10"] == pytest.approx(expected)


def test_users_without_a_list_are_undefined_not_zero():
    found = measure_lists(ranked([("u", "a", 1)]), pl.Series(["w", "u"]), surroundings(choosers=[("a", 1)]), k=10)
    assert found["user_id"].to_list() == ["w", "u"]
    assert found.row(0)[1:] == (None, None, None, None)
    assert found["novelty@10"][1] is not None
