from __future__ import annotations

import polars as pl

from tasks.evaluation.slices import slice_by_activity, slice_by_topic, slice_new_items

QRELS = pl.DataFrame({"user_id": ["u", "u", "v", "w"], "item_id": ["a", "b", "a", "c"], "grade": [3, 2, 2, 0]})


def test_activity_bins_hold_each_user_once_and_unknown_users_are_new():
    sizes = pl.DataFrame({"user_id": ["u", "v"], "n_items": [4, 5]})
    found = slice_by_activity(QRELS, sizes)
    assert {name: sorted(set(part["user_id"])) for name, part in found.items()} == {
        "activity:0": ["w"], "activity:1-4": ["u"], "activity:5-19": ["v"],
    }  # fmt: skip
    many = slice_by_activity(QRELS, pl.DataFrame({"user_id": ["u", "v", "w"], "n_items": [100, 2000, 99]}))
    assert sorted(many) == ["activity:100+", "activity:20-99"]


def test_topics_keep_their_own_labels_only_and_the_largest_come_first():
    topics = pl.DataFrame({"item_id": ["a", "b", "c"], "primary_topic": ["sport", "tech", None]})
    found = slice_by_topic(QRELS, topics, relevant_grade=2)
    assert {name: part["item_id"].to_list() for name, part in found.items()} == {
        "topic:sport": ["a", "a"], "topic:tech": ["b"],
    }  # fmt: skip
    assert list(slice_by_topic(QRELS, topics, relevant_grade=2, max_topics=1)) == ["topic:sport"]


def test_new_items_and_nothing_where_none_is_labelled():
    assert slice_new_items(QRELS, pl.DataFrame({"item_id": ["b", "b", "z"]}))["items:new"].rows() == [("u", "b", 2)]
    assert slice_new_items(QRELS, pl.DataFrame({"item_id": ["z"]})) == {}
