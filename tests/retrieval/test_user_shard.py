from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tasks.contracts.errors import StepError
from tasks.retrieval.user_shard import ForeignHistory


def test_history_is_newest_first_and_decayed(make_index, make_shard):
    index = make_index(["a", "b"], np.eye(2))
    shard = make_shard(index, ["u", "v"], history=[("v", "a", 1.0, 10.0), ("v", "b", 1.0, 0.0)], half_life_days=10.0)
    assert shard.indptr.tolist() == [0, 0, 2]
    assert shard.history_items.tolist() == [1, 0]
    assert shard.history_weights.tolist() == [1.0, 0.5]
    assert shard.history_ages.tolist() == [0.0, 10.0]


def test_several_interactions_with_an_item_become_one(make_index, make_shard):
    index = make_index(["a"], np.eye(1))
    shard = make_shard(index, ["u"], history=[("u", "a", 1.0, 5.0), ("u", "a", 0.5, 2.0)])
    assert shard.history_weights == pytest.approx([1.5])
    assert shard.history_ages.tolist() == [2.0]


def test_what_is_unknown_is_ignored(make_index, make_shard):
    index = make_index(["a"], np.eye(1))
    shard = make_shard(index, ["u"], history=[("u", "gone", 1.0, 0.0), ("stranger", "a", 1.0, 0.0)])
    assert len(shard.history_items) == 0
    assert len(shard.seen_items) == 0


def test_items_of_other_catalogs_have_a_vector_but_no_position(make_index, make_shard):
    index = make_index(["a"], [[1, 0]])
    rows = pl.DataFrame({"user_id": ["u"], "item_id": ["a"], "weight": [1.0], "age_days": [1.0]})
    foreign = ForeignHistory(rows, pl.Series(["a"]), ["A book"], np.array([[0, 3]], dtype=np.float32))
    shard = make_shard(index, ["u"], history=[("u", "a", 1.0, 0.0)], foreign=foreign)
    assert shard.history_items.tolist() == [0, -1]
    assert shard.item_vectors[shard.history_rows].tolist() == [[1, 0], [0, 1]]
    assert [shard.item_titles[row] for row in shard.history_rows] == ["title a", "A book"]
    assert shard.seen_items.tolist() == [0]


def test_liked_entries_are_the_newest_of_positive_weight(make_index, make_shard):
    index = make_index(["a", "b", "c"], np.eye(3))
    history = [("u", "a", 1.0, 3.0), ("u", "b", -1.0, 2.0), ("u", "c", 1.0, 1.0), ("v", "b", 1.0, 0.0)]
    shard = make_shard(index, ["u", "v"], history=history)
    users, entries = shard.liked_entries(1)
    assert users.tolist() == [0, 1]
    assert shard.history_items[entries].tolist() == [2, 1]


def test_seen_may_be_wider_than_the_history(make_index, make_shard):
    index = make_index(["a", "b"], np.eye(2))
    seen = pl.DataFrame({"user_id": ["u", "u", "u"], "item_id": ["b", "a", "b"]})
    shard = make_shard(index, ["u"], history=[("u", "a", 1.0, 0.0)], seen=seen)
    assert shard.seen_items.tolist() == [0, 1]


def test_repeated_users_are_refused(make_index, make_shard):
    with pytest.raises(StepError, match="'u' occurs more than once"):
        make_shard(make_index(["a"]), ["u", "u"])
