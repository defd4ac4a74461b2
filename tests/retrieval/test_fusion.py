from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tasks.contracts.recommending import CandidatesConfig
from tasks.retrieval.build import build_sources
from tasks.retrieval.candidates import candidates_for_shard
from tasks.retrieval.fusion import RankedList, fuse_ranks, fuse_scores, join_lists, order_fused


def hits(users, items, ranks):
    return RankedList(*(np.array(values, dtype=np.int64) for values in (users, items, ranks)))


def test_reciprocal_ranks_are_weighted_and_added():
    pairs = join_lists([hits([0, 0], [5, 6], [1, 2]), hits([0], [6], [1])])
    fused = fuse_ranks(pairs.ranks, weights=[1.0, 2.0], rrf_k=60)
    order = order_fused(pairs.users, fused)
    assert pairs.items[order].tolist() == [6, 5]
    assert fused[order] == pytest.approx([1 / 62 + 2 / 61, 1 / 61])
    assert pairs.n_sources[order].tolist() == [2, 1]
    assert pairs.ranks[1][order].tolist() == [1, 0]


@pytest.mark.parametrize("n_items", [50, 2**62])
def test_lists_are_joined_as_polars_would(n_items):
    draw = np.random.default_rng(0)
    lists, frames = [], []
    for name in "abc":
        # Items too large to be sorted as one number with the rest take the other way to the same end.
        items = np.concatenate([draw.permutation(50)[:20] for _ in range(9)]) * (n_items // 50)
        users = np.repeat(draw.permutation(9), 20)
        lists.append(hits(users, items, np.tile(np.arange(1, 21), 9)))
        frames.append(pl.DataFrame({"user": users, "item": items, name: lists[-1].ranks}))
    found = join_lists(lists)
    expected = pl.concat(frames, how="diagonal").group_by("user", "item").max().fill_null(0).sort("user", "item")
    assert found.users.tolist() == expected["user"].to_list()
    assert found.items.tolist() == expected["item"].to_list()
    assert found.ranks.tolist() == [expected[name].to_list() for name in "abc"]


def test_scores_are_standardised_within_the_user():
    users = np.array([0, 0, 0, 1, 1])
    scores = {"a": np.array([1.0, 2.0, 3.0, 10.0, 30.0]), "b": np.array([0.0, 0.0, 6.0, 5.0, 5.0])}
    fused = fuse_scores(users, scores, weights={"a": 0.6, "b": 0.3})
    third, sixth = np.sqrt(2 / 3), np.sqrt(8)
    expected = [0.6 * -1 / third + 0.3 * -2 / sixth, 0.3 * -2 / sixth, 0.6 * 1 / third + 0.3 * 4 / sixth, -0.6, 0.6]
    assert fused == pytest.approx(expected)


def test_what_a_source_cannot_score_is_as_good_as_the_lowest():
    users = np.array([0, 0, 0, 1, 1])
    scores = np.array([1.0, np.nan, 3.0, np.nan, np.nan])
    assert fuse_scores(users, {"a": scores}, weights={"a": 1.0}).tolist() == [-1.0, -1.0, 1.0, 0.0, 0.0]


def test_a_source_that_finds_all_alike_decides_nothing():
    fused = fuse_scores(np.zeros(3, np.int64), {"a": np.array([4.0, 4.0, np.nan])}, weights={"a": 1.0})
    assert fused.tolist() == [0.0, 0.0, 0.0]


def test_weights_decide_between_nearness_and_popularity(make_index, make_shard):
    index = make_index(["near", "loved", "none"], [[1, 0], [0.1, 1], [0, 1]], popularity=[0, 9, 0])
    shard = make_shard(index, ["u"], profiles=[[1, 0]])
    for weights, first in (((0.9, 0.1), "near"), ((0.1, 0.9), "loved")):
        config = CandidatesConfig(
            sources=dict(zip(("dense_profile", "popularity"), weights, strict=True)),
            fusion="weighted-scores",
            per_source=3,
            total=3,
        )
        sources = build_sources(index, config)
        frame = candidates_for_shard(index, shard, sources=sources, config=config).frame
        assert frame["item_id"].to_list()[0] == first
        assert frame["item_id"].to_list()[-1] == "none"
        assert frame["fused_score"].sum() == pytest.approx(0.0, abs=1e-8)
