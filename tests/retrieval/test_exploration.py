from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tasks.contracts.recommending import CandidatesConfig, RuleConfig
from tasks.retrieval.build import build_sources
from tasks.retrieval.candidates import candidates_for_shard
from tasks.retrieval.exploration import Exploration
from tasks.retrieval.source import SourceInputs

CONFIG = CandidatesConfig(sources={"popularity": 1.0, "exploration": 1.0}, per_source=5, total=8, exploration_items=3)


def find(index, shard, config=CONFIG, day=100.0, rules=()):
    sources = build_sources(index, config, inputs=SourceInputs(as_of_day=day))
    return candidates_for_shard(index, shard, sources=sources, config=config, rules=rules).frame


def drawn_of(frame):
    return frame.filter(pl.col("propensity").is_not_null())


def test_each_item_is_drawn_as_often_as_its_propensity_says(make_index, make_shard):
    n_users = 3000
    index = make_index([f"i{n}" for n in range(12)], popularity=range(12), is_active=[n != 4 for n in range(12)])
    users = [f"u{n}" for n in range(n_users)]
    frame = drawn_of(find(index, make_shard(index, users, history=[(user, "i7", 1.0, 0.0) for user in users])))
    assert frame["propensity"].unique().to_list() == [3 / 10]
    assert len(frame) == 3 * n_users
    counts = dict(frame.group_by("item_id").len().iter_rows())
    assert set(counts) == {f"i{n}" for n in range(12)} - {"i4", "i7"}
    spread = np.sqrt(n_users * 0.3 * 0.7)
    assert max(abs(count - 0.3 * n_users) for count in counts.values()) < 4 * spread


def test_two_items_of_a_user_are_drawn_independently_of_their_ids(make_index, make_shard):
    n_users = 3000
    index = make_index(["a", "b", "c", "d"])
    config = CandidatesConfig(sources={"exploration": 1.0}, exploration_items=2, per_source=1, total=2)
    frame = drawn_of(find(index, make_shard(index, [f"u{n}" for n in range(n_users)]), config))
    pairs = frame.sort("user_id", "item_id").group_by("user_id").agg(pl.col("item_id").str.join(""))["item_id"]
    counts = pairs.value_counts()["count"].to_numpy()
    assert len(counts) == 6
    assert np.abs(counts - n_users / 6).max() < 4 * np.sqrt(n_users / 6 * 5 / 6)


def test_the_draw_is_new_each_day_and_the_same_within_one(make_index, make_shard):
    index = make_index([f"{n:02}" for n in range(50)])
    shard = make_shard(index, ["u", "v"])
    today = [drawn_of(find(index, shard, day=day)).select("user_id", "item_id") for day in (7.0, 7.9, 8.0)]
    assert today[0].equals(today[1])
    assert not today[0].equals(today[2])


def test_only_what_a_user_may_be_shown_is_eligible(make_index, make_shard):
    index = make_index(
        [f"i{n}" for n in range(8)],
        blocked=["i0"],
        group_id=["g", "g", None, "h", "h", None, None, None],
        fields=pl.DataFrame({"language": ["en"] * 7 + ["de"]}),
    )
    rule = RuleConfig(name="language", item="language", test="equal", value="en")
    shard = make_shard(index, ["u", "v"], history=[("u", "i2", 1.0, 0.0)])
    frame = drawn_of(find(index, shard, rules=[rule]))
    # i0 and its near-duplicate i1 are blocked, i4 stands behind i3, i7 fails the rule, and u has seen i2.
    assert set(frame.filter(pl.col("user_id") == "u")["item_id"]) == {"i3", "i5", "i6"}
    assert frame.filter(pl.col("user_id") == "u")["propensity"].unique().to_list() == [1.0]
    assert frame.filter(pl.col("user_id") == "v")["propensity"].unique().to_list() == [3 / 4]


def test_eligible_items_are_counted_by_the_users_own_rules(make_index, make_shard):
    index = make_index([f"i{n}" for n in range(6)], fields=pl.DataFrame({"min_age": [0, 0, 0, 0, 18, 18]}))
    rule = RuleConfig(name="age", item="min_age", test="at_most", user="age")
    shard = make_shard(index, ["child", "adult", "unknown"], fields={"age": [9, 40, None]})
    frame = drawn_of(find(index, shard, rules=[rule]))
    chances = dict(frame.select("user_id", "propensity").unique().iter_rows())
    assert chances == {"child": 3 / 4, "adult": 3 / 6, "unknown": 3 / 6}


def test_what_was_drawn_survives_total_and_near_duplicates(make_index, make_shard):
    ids = [f"{n:02}" for n in range(40)]
    index = make_index(ids, popularity=range(40, 0, -1), group_id=[f"g{n // 2}" for n in range(40)])
    config = CandidatesConfig(
        sources={"popularity": 1.0, "exploration": 1.0}, per_source=30, total=6, exploration_items=4
    )
    frame = find(index, make_shard(index, [f"u{n}" for n in range(30)]), config)
    assert frame.group_by("user_id").len()["len"].unique().to_list() == [6]
    assert drawn_of(frame).group_by("user_id").len()["len"].unique().to_list() == [4]
    groups = frame.with_columns(group=pl.col("item_id").cast(pl.Int64) // 2)
    assert not groups.select("user_id", "group").is_duplicated().any()


def test_no_more_are_drawn_than_the_list_holds(make_index, make_shard):
    index = make_index([f"{n}" for n in range(9)])
    config = CandidatesConfig(sources={"exploration": 1.0}, per_source=2, total=2, exploration_items=5)
    frame = find(index, make_shard(index, ["u", "v"]), config)
    assert frame.group_by("user_id").len()["len"].to_list() == [2, 2]
    assert frame["propensity"].to_list() == [2 / 9] * 4


def test_chance_has_no_part_in_the_fusion(make_index, make_shard):
    index = make_index([f"{n:02}" for n in range(30)], popularity=[5, 4, 3] + [0] * 27)
    for fusion in ("reciprocal-rank", "weighted-scores"):
        frame = find(index, make_shard(index, ["u"]), CONFIG.model_copy(update={"fusion": fusion}))
        assert frame["item_id"].to_list()[:3] == ["00", "01", "02"]
        plain = frame.filter(pl.col("popularity_rank").is_null() & pl.col("propensity").is_not_null())
        assert plain["n_sources"].unique().to_list() == [1]
        assert (plain["fused_score"] <= 0).all()


def test_a_deeper_list_begins_with_the_shallower(make_index, make_shard):
    index = make_index([f"{n:02}" for n in range(30)])
    shard, source = make_shard(index, ["u"]), Exploration(index, as_of_day=None)
    assert source.retrieve(shard, np.array([30])).head(7).equals(source.retrieve(shard, np.array([7])))
    assert source.retrieve(shard, np.array([30]))["score"].to_list() == pytest.approx(
        sorted(source.retrieve(shard, np.array([30]))["score"].to_list(), reverse=True)
    )
