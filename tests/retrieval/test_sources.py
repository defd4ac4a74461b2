from __future__ import annotations

import bm25s
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tasks.retrieval import item_to_item
from tasks.retrieval.bm25 import Bm25
from tasks.retrieval.dense_profile import DenseProfile
from tasks.retrieval.exact_search import ExactSearch
from tasks.retrieval.item_index import unit_rows
from tasks.retrieval.item_to_item import ItemToItem, fit_neighbours
from tasks.retrieval.source import Pairs, rank_hits


def search_in(index):
    return ExactSearch(index.vectors, index.is_active & index.has_vector)


def all_pairs(n_users, n_items):
    users, items = np.divmod(np.arange(n_users * n_items), n_items)
    return Pairs(users, items)


def expected_lists(scores, depth):
    """The lists that sorting the whole matrix of scores (users, items) gives; NaN is not retrieved."""
    rows = []
    for user, row in enumerate(scores):
        order = [item for item in np.lexsort((np.arange(len(row)), -row)) if not np.isnan(row[item])]
        rows += [(user, item, rank) for rank, item in enumerate(order[: depth[user]], start=1)]
    return rows


def lists_of(frame):
    return list(frame.select("user", "item", "rank").iter_rows())


@settings(max_examples=60, deadline=None)
@given(
    items=arrays(np.int8, st.tuples(st.integers(1, 40), st.just(3)), elements=st.integers(-2, 2)),
    profiles=arrays(np.int8, st.tuples(st.integers(1, 5), st.just(3)), elements=st.integers(-2, 2)),
    data=st.data(),
)
def test_dense_search_is_exact_even_among_ties(items, profiles, data):
    vectors, has_vector = unit_rows(items.astype(np.float32))
    queries, _ = unit_rows(profiles.astype(np.float32))
    depth = np.array([data.draw(st.integers(0, 12)) for _ in queries])
    hits = ExactSearch(vectors, has_vector).search(queries, depth)
    found = rank_hits(hits.queries, hits.items, hits.scores, depth=depth)
    scores = np.round(queries @ vectors.T, 6).astype(np.float64)
    scores[:, ~has_vector] = np.nan
    truth = np.round(np.einsum("qd,nd->qn", queries.astype(np.float64), vectors.astype(np.float64)), 4)
    truth[:, ~has_vector] = np.nan
    sizes = np.minimum(depth, has_vector.sum())
    assert [len(found.filter(pl.col("user") == user)) for user in range(len(queries))] == sizes.tolist()
    for user, item, rank in lists_of(found):
        better = np.nansum(truth[user] > truth[user, item] + 1e-4)
        at_least = np.nansum(truth[user] > truth[user, item] - 1e-4)
        assert better < rank <= at_least


def test_dense_profile_ranks_active_items_by_cosine(make_index, make_shard):
    index = make_index(["a", "b", "c", "d"], [[1, 0], [1, 1], [0, 1], [0, 0]], is_active=[True, True, False, True])
    shard = make_shard(index, ["u", "v"], profiles=[[0, 1], [0, 0]])
    source = DenseProfile(index, search_in(index))
    assert lists_of(source.retrieve(shard, np.array([9, 9]))) == [(0, 1, 1), (0, 0, 2)]
    scores = source.score_pairs(shard, all_pairs(2, 4))
    assert scores[:3] == pytest.approx([0, 0.707107, 1])
    assert np.isnan(scores[3:]).all()


def test_equal_items_come_in_the_order_of_their_ids(make_index, make_shard):
    index = make_index([f"{n:03}" for n in range(300)], np.ones((300, 4)))
    shard = make_shard(index, ["u"], profiles=np.ones((1, 4)))
    found = DenseProfile(index, search_in(index)).retrieve(shard, np.array([5]))
    assert found["item"].to_list() == [0, 1, 2, 3, 4]


def test_bm25_finds_the_words_of_profile_and_titles(make_index, make_shard):
    texts = ["The comet and the probe", "A recipe with leeks", "Comet seen from Earth", "Chess"]
    index = make_index(["a", "b", "c", "d"], text=texts, title=["Leeks", "x", "y", "z"])
    shard = make_shard(
        index, ["u", "v", "w"], texts=["likes a comet", "", "the and with"], history=[("v", "a", 1.0, 0.0)]
    )
    source = Bm25(index, history_items=20)
    found = source.retrieve(shard, np.array([9, 9, 9]))
    assert lists_of(found) == [(0, 0, 1), (0, 2, 2), (1, 1, 1)] or lists_of(found) == [(0, 2, 1), (0, 0, 2), (1, 1, 1)]
    scores = source.score_pairs(shard, all_pairs(3, 4)).reshape(3, 4)
    assert (scores[0] > 0).tolist() == [True, False, True, False]
    assert np.isnan(scores[2]).all()


def test_bm25_agrees_with_its_library(make_index, make_shard):
    texts = ["red fox jumps", "red red wine", "fox news", "lazy dog sleeps"]
    index = make_index(["a", "b", "c", "d"], text=texts)
    engine = bm25s.BM25(method="lucene")
    engine.index([text.split() for text in texts], show_progress=False)
    shard = make_shard(index, ["u"], texts=["red fox"])
    scores = Bm25(index, history_items=1).score_pairs(shard, all_pairs(1, 4))
    assert scores == pytest.approx(engine.get_scores(["red", "fox"]), abs=1e-5)


def test_a_catalog_without_words_has_no_bm25_list(make_index, make_shard):
    index = make_index(["a"], text=[""])
    shard = make_shard(index, ["u"], texts=["comet"])
    assert len(Bm25(index, history_items=1).retrieve(shard, np.array([5]))) == 0


def interactions(rows):
    return pl.DataFrame(rows, schema=["user_id", "item_id", "weight"], orient="row")


def test_neighbours_are_shrunk_cosines(make_index):
    index = make_index(["a", "b", "c"])
    rows = interactions(
        [("u", "a", 1.0), ("u", "b", 1.0), ("v", "a", 1.0), ("v", "b", 1.0), ("w", "a", 1.0), ("w", "c", 1.0)]
    )
    similarity = fit_neighbours(rows, index, neighbours=10, shrinkage=2.0).toarray()
    root = np.sqrt(3 * 2)
    assert similarity[0, 1] == pytest.approx(2 / (root + 2))
    assert similarity[0, 2] == pytest.approx(1 / (np.sqrt(3) + 2))
    assert similarity[1, 2] == 0
    assert np.diag(similarity).tolist() == [0, 0, 0]
    assert similarity == pytest.approx(similarity.T)


def test_an_item_keeps_its_nearest_neighbours_only(make_index):
    index = make_index(["a", "b", "c"])
    rows = interactions(
        [("u", "a", 1.0), ("u", "b", 1.0), ("v", "a", 1.0), ("v", "b", 1.0), ("w", "a", 1.0), ("w", "c", 1.0)]
    )
    similarity = fit_neighbours(rows, index, neighbours=1, shrinkage=0.0).toarray()
    assert (similarity > 0).sum(axis=0).tolist() == [1, 1, 1]
    assert similarity[2, 0] == 0


def test_compiled_neighbours_are_the_same(make_index, monkeypatch):
    """Weights of few values, so that many similarities tie; users who chose all, items that nobody did."""
    rng = np.random.default_rng(5)
    index = make_index([f"i{number:03}" for number in range(60)])
    rows = [
        (f"u{user}", f"i{item:03}", float(rng.integers(1, 4)))
        for user in range(40)
        for item in rng.choice(50, size=50 if user == 0 else rng.integers(1, 12), replace=False)
    ]
    for limit in (1, 4, 60):
        monkeypatch.setattr(item_to_item, "COMPILED_ITEMS", 1_000)
        expected = fit_neighbours(interactions(rows), index, neighbours=limit, shrinkage=1.5)
        monkeypatch.setattr(item_to_item, "COMPILED_ITEMS", 1)
        found = fit_neighbours(interactions(rows), index, neighbours=limit, shrinkage=1.5)
        assert expected.nnz
        assert found.indptr.tolist() == expected.indptr.tolist()
        assert found.indices.tolist() == expected.indices.tolist()
        assert found.data.tolist() == expected.data.tolist()


def test_a_weight_too_small_for_a_square_ends_no_night(make_index, monkeypatch):
    monkeypatch.setattr(item_to_item, "COMPILED_ITEMS", 1)
    rows = interactions([("u", "a", 1e-10), ("u", "b", 1e-30)])
    assert not fit_neighbours(rows, make_index(["a", "b"]), neighbours=2, shrinkage=0.0).nnz


def test_item_to_item_finds_what_the_same_users_chose(make_index, make_shard):
    index = make_index(["a", "b", "c"])
    rows = interactions([("u", "a", 1.0), ("u", "b", 1.0), ("v", "a", -1.0), ("v", "c", 1.0)])
    source = ItemToItem(index, fit_neighbours(rows, index, neighbours=5, shrinkage=0.0))
    shard = make_shard(index, ["new", "blank"], history=[("new", "a", 0.5, 0.0)])
    assert lists_of(source.retrieve(shard, np.array([5, 5]))) == [(0, 1, 1)]
    scores = source.score_pairs(shard, all_pairs(2, 3)).reshape(2, 3)
    assert scores[0] == pytest.approx([0, 1, 0])
    assert np.isnan(scores[1]).all()
