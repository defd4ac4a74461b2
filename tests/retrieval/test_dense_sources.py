from __future__ import annotations

import numpy as np
import pytest

from tasks.contracts.errors import StepError
from tasks.contracts.recommending import CandidatesConfig
from tasks.retrieval.aspects import Aspects, build_aspects
from tasks.retrieval.best_query import CONCENTRATION
from tasks.retrieval.build import build_sources
from tasks.retrieval.dense_history import DenseHistory
from tasks.retrieval.exact_search import ExactSearch
from tasks.retrieval.interests import find_interests
from tasks.retrieval.item_index import unit_rows
from tasks.retrieval.rewritten_query import AVOIDANCE, RewrittenQuery
from tasks.retrieval.source import AspectVectors, Pairs, SourceInputs
from tasks.retrieval.user_shard import UserQueries


def search_in(index):
    return ExactSearch(index.vectors, index.is_active & index.has_vector)


def pairs_of(user, items):
    return Pairs(np.full(len(items), user), np.array(items))


def cluster(draw, centre, n):
    return unit_rows((centre + 0.25 * draw.normal(size=(n, len(centre)))).astype(np.float32))[0]


def test_a_homogeneous_history_is_one_interest():
    draw = np.random.default_rng(0)
    vectors = cluster(draw, np.eye(8)[0] * 2, 12)
    found = find_interests(vectors, np.ones(12), limit=4)
    assert found.shares.tolist() == [1.0]
    mean = vectors.sum(axis=0) / np.linalg.norm(vectors.sum(axis=0))
    assert found.centroids[0] == pytest.approx(mean, abs=1e-6)


def test_interests_are_the_clusters_and_weigh_what_is_in_them():
    draw = np.random.default_rng(1)
    vectors = np.concatenate([cluster(draw, np.eye(8)[axis] * 2, size) for axis, size in ((0, 6), (3, 3), (5, 1))])
    weights = np.array([1.0] * 6 + [0.5] * 3 + [2.5])
    found = find_interests(vectors, weights, limit=4)
    axes = found.centroids.argmax(axis=1)
    assert dict(zip(axes.tolist(), found.shares.round(6).tolist(), strict=True)) == {0: 0.6, 3: 0.15, 5: 0.25}


def test_where_interests_are_scarce_the_heavier_items_start_them():
    vectors = np.eye(3, dtype=np.float32)
    found = find_interests(vectors, np.array([1.0, 0.2, 0.9]), limit=2)
    assert found.centroids[1].tolist() == [0, 0, 1]


def test_interests_are_never_more_than_the_limit_nor_than_the_items():
    vectors = np.eye(6, dtype=np.float32)
    assert len(find_interests(vectors, np.ones(6), limit=3).shares) == 3
    assert len(find_interests(vectors[:2], np.ones(2), limit=4).shares) == 2


def test_opposite_items_do_not_make_a_centroid_of_nothing():
    vectors = np.array([[1, 0], [-1, 0]], dtype=np.float32)
    found = find_interests(vectors, np.ones(2), limit=1)
    assert len(found.shares) == 0 or np.linalg.norm(found.centroids, axis=1) == pytest.approx(1.0)
    assert np.isfinite(found.centroids).all()


def test_two_tastes_both_have_items_in_the_list(make_index, make_shard):
    draw = np.random.default_rng(2)
    tastes = [cluster(draw, np.eye(16)[axis], 60) for axis in range(4)]
    ids = [f"{taste}{n:02}" for taste in range(4) for n in range(60)]
    index = make_index(ids, np.concatenate(tastes))
    history = [("u", f"0{n:02}", 1.0, float(n)) for n in range(8)] + [("u", f"1{n:02}", 1.0, 8.0) for n in range(2)]
    shard = make_shard(index, ["u"], history=history)
    source = DenseHistory(index, search_in(index), history_items=20, interests=4)
    found = source.retrieve(shard, np.array([60]))
    share = np.bincount(found["item"].cast(int).to_numpy() // 60, minlength=4) / 60
    assert share[0] > share[1] > 0.1
    assert share[2] + share[3] < 0.1
    mean = DenseHistory(index, search_in(index), history_items=20, interests=1).retrieve(shard, np.array([60]))
    assert (mean["item"].cast(int).to_numpy() // 60 == 1).mean() < share[1]


def test_a_smaller_interest_stands_behind_an_equally_near_larger_one(make_index, make_shard):
    index = make_index(["a", "b", "c", "x", "y"], [[1, 0], [1, 0], [0, 1], [1, 0], [0, 1]])
    history = [("u", "a", 1.0, 0.0), ("u", "b", 1.0, 0.0), ("u", "c", 1.0, 0.0)]
    source = DenseHistory(index, search_in(index), history_items=20, interests=4)
    scores = source.score_pairs(make_shard(index, ["u"], history=history), pairs_of(0, [3, 4]))
    assert scores == pytest.approx([1 + np.log(2 / 3) / CONCENTRATION, 1 + np.log(1 / 3) / CONCENTRATION], abs=1e-6)


def test_the_newest_history_items_count_and_dislikes_do_not(make_index, make_shard):
    index = make_index(["a", "b", "c", "d"], np.eye(4))
    history = [("u", "a", -1.0, 0.0), ("u", "b", 1.0, 1.0), ("u", "c", 1.0, 2.0)]
    source = DenseHistory(index, search_in(index), history_items=1, interests=4)
    found = source.retrieve(make_shard(index, ["u"], history=history), np.array([1]))
    assert found["item"].to_list() == [1]


@pytest.fixture
def books(make_index, make_shard):
    """Two aspects; z has none of them, and nothing is told of the setting of c."""
    index = make_index(["a", "b", "c", "d", "z"], np.eye(5))
    told = AspectVectors(
        names=["theme", "setting", "unused"],
        items=np.array([0, 0, 1, 1, 2, 3, 3]),
        aspects=np.array([0, 1, 0, 1, 0, 0, 1]),
        texts=["exile", "desert", "war", "Arrakis", "exile and memory", "love", "the desert"],
        vectors=unit_rows(
            np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0.9, 0.1], [0.5, 0.5], [0.99, 0.05]], dtype=np.float32)
        )[0],
    )
    return index, Aspects(build_aspects(index, told, make_search=ExactSearch), history_items=10)


def test_the_best_aspect_gives_the_score_and_the_reason(books, make_shard):
    index, source = books
    shard = make_shard(index, ["u", "v"], history=[("u", "a", 1.0, 0.0)])
    found = source.best_aspects(shard, Pairs(np.array([0, 0, 0, 0, 1]), np.array([2, 3, 1, 4, 2])))
    assert [None if code < 0 else source.names[code] for code in found.aspects] == [
        "theme",
        "setting",
        "theme",
        None,
        None,
    ]
    assert found.liked.tolist() == [0, 0, 0, -1, -1]
    assert np.isnan(found.scores).tolist() == [False, False, False, True, True]
    assert source.texts_of(np.array([2, 3, 4]), np.array([0, 1, -1])) == ["exile and memory", "the desert", None]
    assert source.describe(shard, pairs_of(0, [2, 3, 4]))["aspect"].to_list() == ["theme", "setting", None]


def test_each_aspect_brings_its_own_items(books, make_shard):
    index, source = books
    found = source.retrieve(make_shard(index, ["u"], history=[("u", "a", 1.0, 0.0)]), np.array([9]))
    assert [index.item_ids[item] for item in found["item"]] == ["a", "d", "c", "b"]


def test_the_nearest_liked_item_is_named(books, make_shard):
    index, source = books
    shard = make_shard(index, ["u"], history=[("u", "a", 1.0, 1.0), ("u", "b", 1.0, 0.0)])
    found = source.best_aspects(shard, pairs_of(0, [2, 3]))
    assert found.liked.tolist() == [0, 0]
    assert source.best_aspects(shard, pairs_of(0, [1])).liked.tolist() == [1]


def test_two_texts_of_one_aspect_of_an_item_are_refused(make_index):
    index = make_index(["a"], np.eye(1))
    told = AspectVectors(["theme"], np.array([0, 0]), np.array([0, 0]), ["x", "y"], np.ones((2, 1), np.float32))
    with pytest.raises(StepError, match="'a' has more than one text of the aspect 'theme'"):
        build_aspects(index, told, make_search=ExactSearch)


def test_aspects_of_items_that_the_index_lacks_are_ignored(make_index, make_shard):
    index = make_index(["a", "b"], np.eye(2))
    told = AspectVectors(
        ["theme"], np.array([-1, 1, -1, 0]), np.zeros(4, np.int64), ["w", "x", "y", "z"], np.ones((4, 1), np.float32)
    )
    [aspect] = build_aspects(index, told, make_search=ExactSearch)
    assert aspect.texts == ["z", "x"]
    nothing = AspectVectors(["theme"], np.array([-1]), np.array([0]), ["w"], np.ones((1, 1), np.float32))
    assert build_sources(index, CandidatesConfig(sources={"aspects": 1.0}), inputs=SourceInputs(aspects=nothing)) == []


def test_avoided_texts_push_items_away(make_index, make_shard):
    index = make_index(["gentle", "gore"], [[1, 0, 0.2], [1, 1, 0]])
    vectors = unit_rows(np.array([[1, 0.6, 0], [0, 1, 0]], dtype=np.float32))[0]
    source = RewrittenQuery(index, search_in(index))
    wanted_only = UserQueries(np.array([0]), vectors[:1], np.array([False]))
    both = UserQueries(np.array([0, 0]), vectors, np.array([False, True]))
    near = source.retrieve(make_shard(index, ["u"], queries=wanted_only), np.array([2]))
    shard = make_shard(index, ["u"], queries=both)
    assert near["item"].to_list() == [1, 0]
    assert source.retrieve(shard, np.array([2]))["item"].to_list() == [0, 1]
    cosines = index.vectors @ vectors.T
    expected = cosines[:, 0] - AVOIDANCE * cosines[:, 1]
    assert source.score_pairs(shard, pairs_of(0, [0, 1])) == pytest.approx(expected, abs=2e-6)


def test_several_avoided_texts_are_one_direction(make_index, make_shard):
    draw = np.random.default_rng(3)
    index = make_index([f"{n}" for n in range(9)], draw.normal(size=(9, 4)))
    vectors = unit_rows(draw.normal(size=(4, 4)).astype(np.float32))[0]
    asked = UserQueries(np.zeros(4, np.int64), vectors, np.array([False, False, True, True]))
    scores = RewrittenQuery(index, search_in(index)).score_pairs(
        make_shard(index, ["u"], queries=asked), pairs_of(0, range(9))
    )
    mean = vectors[2:].mean(axis=0)
    avoided = index.vectors @ (mean / np.linalg.norm(mean))
    expected = (index.vectors @ vectors[:2].T).max(axis=1) - AVOIDANCE * avoided
    assert scores == pytest.approx(expected, abs=2e-6)


def test_who_only_avoids_has_no_list(make_index, make_shard):
    index = make_index(["a"], [[1, 0]])
    asked = UserQueries(np.array([1]), np.array([[1, 0]], dtype=np.float32), np.array([True]))
    shard = make_shard(index, ["u", "v"], queries=asked)
    source = RewrittenQuery(index, search_in(index))
    assert len(source.retrieve(shard, np.array([5, 5]))) == 0
    assert np.isnan(source.score_pairs(shard, Pairs(np.array([0, 1]), np.array([0, 0])))).all()
