"""Words of enrichments and segments of users, as features; and lifts of labels."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tasks.ranking.affinity import LIFT_PRIOR, label_lift, user_shares
from tasks.ranking.inputs import PairRows, build_item_facts, build_labels
from tasks.ranking.overlap_features import PRIOR_CHOICES, overlap_columns

WORDS = [
    ("a", "theme", "exile"),
    ("a", "theme", "memory"),
    ("b", "theme", "exile"),
    ("b", "theme", "war"),
    ("c", "theme", "food"),
    ("b", "mood", "dark"),
]
SEGMENTS = [("north", "a", 6.0), ("south", "a", 2.0), ("south", "b", 8.0), ("", "c", 99.0)]


@pytest.fixture
def columns(catalog, shard):
    nothing = pl.DataFrame(schema={"item_id": pl.String, "label": pl.String, "share": pl.Float64})
    facts = build_item_facts(
        catalog,
        topics=nothing,
        categories=nothing,
        authors=nothing,
        interactions=pl.DataFrame(schema={"item_id": pl.String, "value": pl.Float64}),
        words=pl.DataFrame(WORDS, schema=["item_id", "kind", "label"], orient="row"),
        segment_popularity=pl.DataFrame(SEGMENTS, schema=["segment", "item_id", "popularity"], orient="row"),
    )
    users, items = np.divmod(np.arange(8), 4)
    return {name: found.reshape(2, 4) for name, found in overlap_columns(shard, facts, PairRows(users, items)).items()}


def test_the_overlap_is_the_share_of_the_items_words_that_liked_items_have(columns):
    assert columns["theme_overlap"][0, :3].tolist() == [1.0, 0.5, 0.0]
    assert np.isnan(columns["theme_overlap"][0, 3])
    assert np.isnan(columns["theme_overlap"][1]).all()


def test_a_kind_that_no_liked_item_has_says_nothing(columns):
    assert np.isnan(columns["mood_overlap"]).all()
    assert np.isnan(columns["audience_overlap"]).all()


def test_a_segment_likes_what_it_chooses_more_than_its_size_says(columns):
    north = 6.0 / 16.0
    expected = np.log((6.0 + PRIOR_CHOICES * north) / (8.0 + PRIOR_CHOICES) / north)
    assert columns["segment_affinity"][1, 0] == pytest.approx(expected)
    assert columns["segment_affinity"][1, 1] < 0
    assert columns["segment_affinity"][1, 3] == pytest.approx(0.0)
    assert np.isnan(columns["segment_affinity"][0]).all()


def test_without_words_and_segments_there_is_nothing_to_say(shard, facts):
    found = overlap_columns(shard, facts, PairRows(np.array([0, 1]), np.array([0, 1])))
    assert all(np.isnan(values).all() for values in found.values())


def test_a_label_that_everybody_chooses_is_no_lift(shard):
    labels = build_labels(
        pl.Series(["a", "b", "c", "d"]),
        pl.DataFrame({"item_id": ["a", "b", "c"], "label": ["drama", "drama", "noir"], "share": [1.0, 1.0, 1.0]}),
    )
    rows = PairRows(np.array([0, 0, 0, 1]), np.array([1, 2, 3, 1]))
    shares = user_shares(shard, labels)
    all_drama = label_lift(shares, labels, np.array([5.0, 5.0, 0.0, 0.0]), rows)
    assert all_drama[0] == pytest.approx(0.0)
    half = label_lift(shares, labels, np.array([5.0, 0.0, 5.0, 0.0]), rows)
    assert half[0] == pytest.approx(np.log((1.0 + LIFT_PRIOR) / (0.5 + LIFT_PRIOR)))
    assert half[1] == pytest.approx(np.log(LIFT_PRIOR / (0.5 + LIFT_PRIOR)))
    assert np.isnan(half[2:]).all()
