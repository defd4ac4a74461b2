from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from tasks.retrieval.new_arrivals import NewArrivals
from tasks.retrieval.popularity import Popularity
from tasks.retrieval.recent_popularity import RecentPopularity
from tasks.retrieval.relations import Relations
from tasks.retrieval.source import Pairs


def lists_of(frame):
    return list(frame.select("user", "item", "rank").iter_rows())


def pairs_of(user, items):
    return Pairs(np.full(len(items), user), np.array(items))


def test_popularity_is_the_same_for_everybody(make_index, make_shard):
    index = make_index(["a", "b", "c", "d"], popularity=[1, 5, 5, 0])
    found = Popularity(index).retrieve(make_shard(index, ["u", "v"]), np.array([2, 9]))
    assert lists_of(found) == [(0, 1, 1), (0, 2, 2), (1, 1, 1), (1, 2, 2), (1, 0, 3)]


def test_recent_popularity_sees_the_window_alone(make_index, make_shard):
    index = make_index(["a", "b", "c"], popularity=[9, 9, 9])
    rows = pl.DataFrame(
        {
            "user_id": ["u", "v", "w", "x", "y"],
            "item_id": ["a", "a", "b", "c", "c"],
            "weight": [1.0, 0.5, 1.0, 1.0, 1.0],
            "age_days": [14.0, 1.0, 0.0, 14.5, None],
        }
    )
    source = RecentPopularity(index, rows, recent_days=14.0)
    assert len(source) == 2
    assert lists_of(source.retrieve(make_shard(index, ["u"]), np.array([9]))) == [(0, 0, 1), (0, 1, 2)]
    assert source.score_pairs(make_shard(index, ["u"]), pairs_of(0, [0, 1, 2])).tolist() == [1.5, 1.0, 0.0]


def test_new_arrivals_are_new_on_the_day_and_newest_first(make_index, make_shard):
    day = datetime(2026, 3, 1)
    published = [
        day - timedelta(days=9),
        day - timedelta(days=1),
        day - timedelta(days=10),
        None,
        day + timedelta(days=2),
    ]
    index = make_index(["a", "b", "c", "d", "e"], published_at=published)
    as_of = (day - datetime(1970, 1, 1)).days
    source = NewArrivals(index, as_of_day=float(as_of), recent_days=10.0)
    assert lists_of(source.retrieve(make_shard(index, ["u"]), np.array([9]))) == [(0, 1, 1), (0, 0, 2)]
    scores = source.score_pairs(make_shard(index, ["u"]), pairs_of(0, [0, 1, 2, 4, 3]))
    assert scores[:4] == pytest.approx([0.1, 0.9, 0.0, 0.0])
    assert np.isnan(scores[4])


RELATED = pl.DataFrame(
    [
        ("a", "b", "author", 0.5),
        ("a", "b", "series", 0.8),
        ("a", "c", "author", 0.5),
        ("d", "c", "sequel", 1.0),
        ("a", "gone", "author", 1.0),
        ("a", "a", "author", 1.0),
    ],
    schema=["item_id", "related_id", "relation", "strength"],
    orient="row",
)


def test_relations_add_up_over_the_liked_items(make_index, make_shard):
    index = make_index(["a", "b", "c", "d", "e"])
    source = Relations(index, RELATED, history_items=10)
    shard = make_shard(
        index, ["u", "v", "w"], history=[("u", "a", 1.0, 1.0), ("u", "d", 0.5, 0.0), ("v", "e", 1.0, 0.0)]
    )
    assert lists_of(source.retrieve(shard, np.array([9, 9, 9]))) == [(0, 2, 1), (0, 1, 2)]
    pairs = Pairs(np.array([0, 0, 0, 1, 2]), np.array([1, 2, 4, 1, 1]))
    scores = source.score_pairs(shard, pairs)
    assert scores[:4].tolist() == [0.8, 1.0, 0.0, 0.0]
    assert np.isnan(scores[4])


def test_the_strongest_relation_is_the_reason(make_index, make_shard):
    index = make_index(["a", "b", "c", "d"])
    source = Relations(index, RELATED, history_items=10)
    shard = make_shard(index, ["u"], history=[("u", "a", 0.9, 1.0), ("u", "d", 1.0, 0.0)])
    found = source.describe(shard, pairs_of(0, [2, 1, 3]))
    assert found.rows() == [("sequel", "d"), ("series", "a"), (None, None)]


def test_of_equal_relations_the_newest_liked_item_is_the_reason(make_index, make_shard):
    index = make_index(["a", "b", "c"])
    rows = pl.DataFrame(
        {"item_id": ["a", "b"], "related_id": ["c", "c"], "relation": ["author"] * 2, "strength": [0.5] * 2}
    )
    shard = make_shard(index, ["u"], history=[("u", "a", 1.0, 5.0), ("u", "b", 1.0, 1.0)])
    found = Relations(index, rows, history_items=10).describe(shard, pairs_of(0, [2]))
    assert found["related_item"].to_list() == ["b"]


def test_relations_in_blocks_are_relations_at_once(make_index, make_shard, monkeypatch):
    draw = np.random.default_rng(0)
    ids = [f"{n:02}" for n in range(40)]
    rows = pl.DataFrame(
        {
            "item_id": draw.choice(ids, 200),
            "related_id": draw.choice(ids, 200),
            "relation": ["author"] * 200,
            "strength": [0.5] * 200,
        }
    )
    index = make_index(ids)
    history = [(f"u{n}", str(item), 1.0, 0.0) for n in range(9) for item in draw.choice(ids, 5, replace=False)]
    shard = make_shard(index, [f"u{n}" for n in range(9)], history=history)
    source = Relations(index, rows, history_items=10)
    whole = source.retrieve(shard, np.full(9, 7))
    pairs = Pairs(np.repeat(np.arange(9), 40), np.tile(np.arange(40), 9))
    scores, reasons = source.score_pairs(shard, pairs), source.describe(shard, pairs)
    monkeypatch.setattr("tasks.retrieval.relations.BLOCK_TERMS", 20)
    assert source.retrieve(shard, np.full(9, 7)).equals(whole)
    assert np.array_equal(source.score_pairs(shard, pairs), scores, equal_nan=True)
    assert source.describe(shard, pairs).equals(reasons)
