from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from tasks.contracts.errors import StepError
from tasks.contracts.recommending import CandidatesConfig
from tasks.retrieval.candidates import add_pairs, build_sources, candidates_for_shard, pair_features_for
from tasks.retrieval.source import AspectVectors, SourceInputs

ALL = CandidatesConfig(per_source=3, total=4)


def find(index, shard, config=ALL, interactions=None):
    sources = build_sources(index, config, inputs=SourceInputs(interactions=interactions))
    return candidates_for_shard(index, shard, sources=sources, config=config)


def lists_of(frame):
    return {user: rows["item_id"].to_list() for (user,), rows in frame.group_by("user_id", maintain_order=True)}


def test_seen_items_and_their_duplicates_never_come_back(make_index, make_shard):
    index = make_index(
        ["a", "b", "c", "d"],
        [[1, 0], [1, 0], [0.9, 0.1], [0, 1]],
        popularity=[4, 3, 2, 1],
        group_id=["g", "g", None, None],
    )
    shard = make_shard(index, ["u"], profiles=[[1, 0]], history=[("u", "a", 1.0, 0.0)])
    found = find(index, shard)
    assert lists_of(found.frame) == {"u": ["c", "d"]}
    nothing = {"inactive": 0, "blocked": 0, "duplicate": 0, "beyond_total": 0}
    assert found.dropped == {"seen": 1, "duplicate_of_seen": 1, **nothing}


def test_a_list_keeps_the_best_of_each_group(make_index, make_shard):
    index = make_index(["a", "b", "c"], [[1, 0], [0.9, 0.1], [0, 1]], group_id=["g", "g", None])
    found = find(index, make_shard(index, ["u"], profiles=[[0.9, 0.1]]), ALL)
    assert lists_of(found.frame) == {"u": ["b", "c"]}
    assert found.dropped["duplicate"] == 1


def test_inactive_items_are_never_candidates(make_index, make_shard):
    index = make_index(
        ["a", "b", "c"],
        np.eye(3),
        text=["comet", "comet", "x"],
        popularity=[9, 1, 0],
        is_active=[False, True, True],
    )
    shard = make_shard(index, ["u", "v"], profiles=[[1, 1, 0], [0, 0, 0]], texts=["comet", ""])
    rows = pl.DataFrame({"user_id": ["x", "x"], "item_id": ["a", "c"], "weight": [1.0, 1.0], "age_days": [0.0, 0.0]})
    lists = lists_of(find(index, shard, interactions=rows).frame)
    assert set(lists) == {"u", "v"}
    assert all("a" not in items for items in lists.values())


def test_an_unknown_user_gets_popular_then_new_items(make_index, make_shard):
    index = make_index(
        ["a", "b", "c", "d"],
        popularity=[0, 0, 3, 0],
        published_at=[datetime(2020, 1, 1), datetime(2024, 1, 1), None, None],
    )
    frame = find(index, make_shard(index, ["u"]), CandidatesConfig(per_source=10, total=10)).frame
    assert frame["item_id"].to_list() == ["c", "b", "a", "d"]
    assert frame["n_sources"].to_list() == [1, 0, 0, 0]
    assert frame["fused_rank"].to_list() == [1, 2, 3, 4]
    assert frame["fused_score"].to_list()[1:] == [0, 0, 0]


def test_a_user_who_has_seen_everything_gets_nothing(make_index, make_shard):
    index = make_index(["a", "b"], group_id=["g", "g"])
    shard = make_shard(index, ["u", "v"], history=[("u", "a", 1.0, 0.0)])
    assert list(lists_of(find(index, shard).frame)) == ["v"]


def test_scores_are_filled_where_a_source_did_not_retrieve(make_index, make_shard):
    index = make_index(["a", "b", "c"], [[1, 0], [0.8, 0.6], [0, 1]], popularity=[0, 1, 9])
    config = CandidatesConfig(sources={"dense_profile": 1.0, "popularity": 1.0}, per_source=1, total=5)
    frame = find(index, make_shard(index, ["u"], profiles=[[1, 0]]), config).frame.sort("item_id")
    assert frame["item_id"].to_list() == ["a", "c"]
    assert frame["dense_profile_rank"].to_list() == [1, None]
    assert frame["dense_profile_score"].to_list() == [1.0, 0.0]
    assert frame["popularity_score"].to_list() == [0.0, 9.0]


def test_a_heavy_reader_still_gets_a_full_list(make_index, make_shard):
    draw = np.random.default_rng(1)
    ids = [f"{n:03}" for n in range(200)]
    index = make_index(ids, draw.normal(size=(200, 4)), popularity=draw.uniform(1, 2, size=200))
    history = [("u", item, 1.0, float(age)) for age, item in enumerate(ids[:190])]
    frame = find(index, make_shard(index, ["u", "v"], history=history), CandidatesConfig(per_source=10, total=10)).frame
    assert sorted(lists_of(frame)["u"]) == ids[190:]
    assert len(lists_of(frame)["v"]) == 10


def test_total_cuts_and_counts(make_index, make_shard):
    index = make_index([f"{n}" for n in range(8)], popularity=range(1, 9))
    config = CandidatesConfig(sources={"popularity": 1.0}, per_source=8, total=3)
    found = find(index, make_shard(index, ["u"]), config)
    assert found.frame["item_id"].to_list() == ["7", "6", "5"]
    assert found.dropped["beyond_total"] == 5


def test_a_list_does_not_depend_on_the_shard_around_it(make_index, make_shard):
    draw = np.random.default_rng(2)
    ids = [f"{n:03}" for n in range(120)]
    index = make_index(ids, draw.normal(size=(120, 8)), text=[f"word{n % 7} word{n % 11}" for n in range(120)])
    users = [f"u{n}" for n in range(40)]
    profiles = draw.normal(size=(40, 8)).astype(np.float32)
    history = [(user, str(draw.choice(ids)), 1.0, float(age)) for user in users for age in range(5)]
    rows = pl.DataFrame(history, schema=["user_id", "item_id", "weight", "age_days"], orient="row")
    config = CandidatesConfig(per_source=20, total=30)
    sources = build_sources(index, config, inputs=SourceInputs(interactions=rows))
    whole = make_shard(index, users, profiles=profiles, history=history)
    together = candidates_for_shard(index, whole, sources=sources, config=config).frame
    again = candidates_for_shard(index, whole, sources=sources, config=config).frame
    assert together.equals(again)
    for place in (0, 17, 39):
        alone = make_shard(index, [users[place]], profiles=profiles[[place]], history=history)
        frame = candidates_for_shard(index, alone, sources=sources, config=config).frame
        assert frame["item_id"].to_list() == together.filter(pl.col("user_id") == users[place])["item_id"].to_list()


def test_judged_pairs_get_the_same_scores_and_no_rank(make_index, make_shard):
    index = make_index(["a", "b", "c"], np.eye(3), popularity=[3, 2, 1])
    shard = make_shard(index, ["u"], profiles=[[1, 1, 0]])
    sources = build_sources(index, ALL)
    pairs = pl.DataFrame({"user_id": ["u", "u", "u", "stranger"], "item_id": ["a", "c", "gone", "a"]})
    scored = pair_features_for(index, shard, sources=sources, pairs=pairs)
    frame = candidates_for_shard(index, shard, sources=sources, config=ALL).frame
    assert scored["item_id"].to_list() == ["a", "c"]
    assert scored.columns == frame.columns
    assert scored.schema == frame.schema
    assert scored["fused_rank"].null_count() == 2
    both = scored.join(frame, on=["user_id", "item_id"])
    for name in ("dense_profile", "popularity"):
        assert both[f"{name}_score"].to_list() == both[f"{name}_score_right"].to_list()


def test_added_pairs_join_the_candidates_once(make_index, make_shard):
    index = make_index(["a", "b", "c"], popularity=[3, 2, 1])
    config = CandidatesConfig(sources={"popularity": 1.0}, per_source=1, total=1)
    shard = make_shard(index, ["u"])
    sources = build_sources(index, config)
    frame = candidates_for_shard(index, shard, sources=sources, config=config).frame
    pairs = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["a", "c"]})
    rows = add_pairs(frame, pairs, index=index, shard=shard, sources=sources)
    assert rows["item_id"].to_list() == ["a", "c"]
    assert rows["fused_rank"].to_list() == [1, None]


@pytest.mark.parametrize("users", [[], ["u"]])
def test_empty_catalogs_and_shards_give_empty_frames(make_index, make_shard, users):
    index = make_index([], np.zeros((0, 4)))
    frame = find(index, make_shard(index, users)).frame
    assert len(frame) == 0
    assert "bm25_score" in frame.columns


def test_a_shard_without_users_gives_an_empty_frame(make_index, make_shard):
    index = make_index(["a", "b"], np.eye(2), popularity=[1, 2], text=["comet", "chess"])
    assert len(find(index, make_shard(index, [])).frame) == 0


def test_no_source_is_an_error(make_index, make_shard):
    index = make_index(["a"])
    config = CandidatesConfig(sources={"collaborative": 1.0})
    with pytest.raises(StepError, match="no candidate source is left"):
        find(index, make_shard(index, ["u"]), config)


def test_reasons_and_chances_stand_beside_the_scores(make_index, make_shard):
    index = make_index([f"{n}" for n in range(8)], np.eye(8))
    told = AspectVectors(["theme"], np.array([0, 3]), np.array([0, 0]), ["exile", "exile"], np.ones((2, 1), np.float32))
    related = pl.DataFrame({"item_id": ["0"], "related_id": ["4"], "relation": ["sequel"], "strength": [1.0]})
    config = CandidatesConfig(
        sources={"aspects": 1.0, "relations": 1.0, "exploration": 1.0}, per_source=3, total=4, exploration_items=2
    )
    sources = build_sources(index, config, inputs=SourceInputs(aspects=told, relations=related))
    shard = make_shard(index, ["u"], history=[("u", "0", 1.0, 0.0)])
    frame = candidates_for_shard(index, shard, sources=sources, config=config).frame
    rows = {row["item_id"]: row for row in frame.iter_rows(named=True)}
    assert (rows["3"]["aspect"], rows["3"]["relation"], rows["3"]["related_item"]) == ("theme", None, None)
    assert (rows["4"]["aspect"], rows["4"]["relation"], rows["4"]["related_item"]) == (None, "sequel", "0")
    assert frame["propensity"].drop_nulls().to_list() == [2 / 7, 2 / 7]
    joined = add_pairs(
        frame.filter(pl.col("item_id") != "3"),
        pl.DataFrame({"user_id": ["u"], "item_id": ["3"]}),
        index=index,
        shard=shard,
        sources=sources,
    )
    added = joined.row(-1, named=True)
    assert (added["item_id"], added["aspect"], added["propensity"], added["n_sources"]) == ("3", "theme", None, 0)
    assert added["aspects_score"] == rows["3"]["aspects_score"]


def test_the_columns_are_the_same_whatever_the_sources(make_index, make_shard):
    index = make_index(["a", "b"], popularity=[2, 1])
    config = CandidatesConfig(sources={"popularity": 1.0}, per_source=1, total=1)
    frame = find(index, make_shard(index, ["u"]), config).frame
    assert dict(frame.schema) == {
        "user_id": pl.String,
        "item_id": pl.String,
        "fused_score": pl.Float64,
        "fused_rank": pl.UInt32,
        "n_sources": pl.UInt32,
        "propensity": pl.Float64,
        "aspect": pl.String,
        "relation": pl.String,
        "related_item": pl.String,
        "popularity_score": pl.Float32,
        "popularity_rank": pl.UInt32,
    }
