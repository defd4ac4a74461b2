from __future__ import annotations

import polars as pl
import pytest

from tasks.contracts.errors import StepError
from tasks.evaluation.table import TABLE_SCHEMA, compare_systems, draw_random_lists, lists_of_sources, to_markdown

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
