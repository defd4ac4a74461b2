from __future__ import annotations

import math

import polars as pl
import pytest

from tasks.contracts.errors import StepError
from tasks.evaluation.baselines import draw_random_lists, lists_of_sources, popular_lists
from tasks.evaluation.table import TABLE_SCHEMA, compare_systems, tabulate, to_markdown

QRELS = pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "b"], "grade": [3, 2]})


def ranked(rows):
    return pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String, "rank": pl.UInt32}, orient="row")


GOOD = ranked([("u", "a", 1), ("v", "b", 1)])
BAD = ranked([("u", "x", 1), ("u", "a", 2), ("v", "x", 1), ("w", "y", 1)])


def test_systems_stand_side_by_side_with_their_difference():
    table = compare_systems({"good": GOOD, "bad": BAD}, QRELS, reference="good", n_items=4, seed=0, cutoffs=(1,))
    assert dict(table.schema) == TABLE_SCHEMA
    bad = table.row(by_predicate=(pl.col("system") == "bad") & (pl.col("metric") == "hit_rate@1"), named=True)
    assert (bad["mean"], bad["difference"], bad["difference_low"]) == (0.0, 1.0, 1.0)
    good = table.row(by_predicate=(pl.col("system") == "good") & (pl.col("metric") == "hit_rate@1"), named=True)
    assert (good["mean"], good["difference"]) == (1.0, None)


def test_coverage_counts_the_lists_of_evaluated_users():
    table = compare_systems({"bad": BAD}, QRELS, reference="bad", n_items=4, seed=0, cutoffs=(1,))
    assert table.filter(pl.col("metric") == "coverage@1")["mean"].to_list() == [0.25]


def test_unknown_reference_is_refused():
    with pytest.raises(StepError, match="unknown system 'god'; expected one of good"):
        compare_systems({"good": GOOD}, QRELS, reference="god", n_items=4, seed=0)


def test_lists_of_sources_have_no_gaps():
    candidates = pl.DataFrame(
        {"user_id": ["u", "u", "u"], "item_id": ["a", "b", "c"], "fused_rank": [1, 2, 3], "bm25_rank": [7, None, 2]}
    )
    found = lists_of_sources(candidates, ["bm25"])
    assert found["bm25"].rows() == [("u", "c", 1), ("u", "a", 2)]
    assert found["fusion"]["rank"].to_list() == [1, 2, 3]


def test_random_lists_are_seeded_and_unseen():
    items = pl.Series([f"i{n}" for n in range(20)])
    seen = pl.DataFrame({"user_id": ["u"] * 15, "item_id": [f"i{n}" for n in range(15)]})
    users = pl.Series(["u", "v"])
    first = draw_random_lists(users, items, seen=seen, k=10, seed=1)
    assert first.equals(draw_random_lists(users, items, seen=seen, k=10, seed=1))
    assert not first.equals(draw_random_lists(users, items, seen=seen, k=10, seed=2))
    own = first.filter(pl.col("user_id") == "u")
    assert sorted(own["item_id"]) == [f"i{n}" for n in range(15, 20)]
    assert own["rank"].to_list() == [1, 2, 3, 4, 5]
    assert first.filter(pl.col("user_id") == "v")["item_id"].n_unique() == 10


def test_markdown_shows_mean_and_interval():
    table = compare_systems({"good": GOOD}, QRELS, reference="good", n_items=4, seed=0, cutoffs=(1,))
    text = to_markdown(table, ["mrr@1", "coverage@1"])
    assert "| good | 1.0000 [1.0000, 1.0000] | 0.5000 |" in text


def test_p_values_are_corrected_over_the_systems_of_a_metric():
    users = [f"u{n:03}" for n in range(60)]
    qrels = pl.DataFrame({"user_id": users, "item_id": ["a"] * 60, "grade": [3] * 60})
    good = ranked([(user, "a", 1) for user in users])
    bad = ranked([(user, "x", 1) for user in users])
    table = compare_systems(
        {"good": good, "bad": bad, "same": good}, qrels, reference="good", n_items=4, seed=0, cutoffs=(1,)
    )
    found = {row["system"]: row for row in table.filter(pl.col("metric") == "ndcg@1").iter_rows(named=True)}
    assert found["good"]["p_value"] is None
    assert found["bad"]["p_value"] == pytest.approx(1e-4)
    assert found["bad"]["p_adjusted"] == pytest.approx(2e-4)
    assert found["same"]["p_value"] == 1.0


def test_users_without_a_value_are_left_out_of_a_metric():
    ours = pl.DataFrame({"user_id": ["u", "v", "w"], "m": [1.0, None, 0.0], "empty": [None, None, None]})
    theirs = pl.DataFrame({"user_id": ["w", "u", "v"], "m": [0.5, 0.5, 0.5], "empty": [1.0, 1.0, 1.0]})
    table = tabulate({"ours": ours, "theirs": theirs}, reference="ours", seed=0, slice_name="topic:x")
    rows = {(row["system"], row["metric"]): row for row in table.iter_rows(named=True)}
    assert (rows["ours", "m"]["mean"], rows["ours", "m"]["n_users"]) == (0.5, 2)
    assert (rows["theirs", "m"]["mean"], rows["theirs", "m"]["n_users"]) == (0.5, 3)
    assert rows["theirs", "m"]["difference"] == 0.0
    assert math.isnan(rows["ours", "empty"]["mean"])
    assert set(table["slice"]) == {"topic:x"}


def test_other_users_are_refused():
    frame = pl.DataFrame({"user_id": ["u"], "m": [1.0]})
    with pytest.raises(StepError, match="'ours' and 'theirs' have other users"):
        tabulate({"ours": frame, "theirs": frame.with_columns(user_id=pl.lit("v"))}, reference="ours", seed=0)


def test_popular_lists_skip_what_was_seen():
    popularity = pl.DataFrame({"item_id": ["c", "b", "a"], "popularity": [1.0, 5.0, 5.0]})
    seen = pl.DataFrame({"user_id": ["u"], "item_id": ["a"]})
    found = popular_lists(pl.Series(["u", "v"]), popularity, seen=seen, k=2)
    assert found.rows() == [("u", "b", 1), ("u", "c", 2), ("v", "a", 1), ("v", "b", 2)]
