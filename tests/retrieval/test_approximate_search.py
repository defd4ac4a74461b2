from __future__ import annotations

import faiss
import numpy as np
import pytest

from tasks.contracts.recommending import CandidatesConfig
from tasks.retrieval import approximate_search
from tasks.retrieval.approximate_search import TARGET_RECALL, ApproximateSearch, choose_search, measure_recall
from tasks.retrieval.best_query import Queries, retrieve_best
from tasks.retrieval.build import build_sources, index_recall_of
from tasks.retrieval.candidates import candidates_for_shard
from tasks.retrieval.cells import part_into_cells
from tasks.retrieval.exact_search import ExactSearch
from tasks.retrieval.item_index import unit_rows
from tasks.retrieval.source import rank_hits
from tasks.retrieval.vector_search import Hits

N, WIDTH = 6000, 24


@pytest.fixture(scope="module")
def clustered():
    """(vectors, queries) around the same 60 centres."""
    draw = np.random.default_rng(0)
    centres = draw.normal(size=(60, WIDTH))
    around = centres[draw.integers(60, size=N + 200)] + 0.5 * draw.normal(size=(N + 200, WIDTH))
    unit = unit_rows(around.astype(np.float32))[0]
    return unit[:N], unit[N:]


def test_most_of_the_nearest_are_found_in_few_cells(clustered):
    vectors, queries = clustered
    everything = np.ones(N, np.bool_)
    search = ApproximateSearch(vectors, everything, depth=50)
    recall = measure_recall(search, ExactSearch(vectors, everything), queries, 50)
    assert recall > TARGET_RECALL - 0.02
    assert search.index_recall == pytest.approx(recall, abs=0.03)
    assert search.probed_share < 0.5


def test_scores_are_those_of_exact_search_and_nothing_else_is_found(clustered):
    vectors, queries = clustered
    searchable = np.arange(N) % 3 != 0
    exact = ExactSearch(vectors, searchable).search(queries[:20], np.full(20, 40))
    known = {(query, item): score for query, item, score in zip(exact.queries, exact.items, exact.scores, strict=True)}
    found = ApproximateSearch(vectors, searchable, depth=40).search(queries[:20], np.full(20, 40))
    assert searchable[found.items].all()
    shared = [
        (known[pair], score)
        for pair, score in zip(zip(found.queries, found.items, strict=True), found.scores, strict=True)
        if pair in known
    ]
    assert len(shared) > 20 * 36
    assert all(expected == score for expected, score in shared)


@pytest.mark.parametrize("exact_up_to", [0, N])
def test_found_scores_are_no_farther_off_than_their_slack(clustered, exact_up_to):
    vectors, queries = clustered
    search = choose_search(vectors, np.ones(N, np.bool_), exact_up_to=exact_up_to, depth=40)
    near = search.find(queries[:50], np.full(50, 40))
    exact = search.score(queries, near.queries, near.items)
    assert (np.abs(near.scores - exact) <= near.slack).all()
    assert np.median(near.slack) < 0.01


@pytest.mark.parametrize("exact_up_to", [0, N])
def test_hits_that_are_not_scored_exactly_would_not_be_listed(clustered, exact_up_to):
    vectors, vectors_asked = clustered
    search = choose_search(vectors, np.ones(N, np.bool_), exact_up_to=exact_up_to, depth=40)
    draw = np.random.default_rng(2)
    users, rows = np.sort(draw.integers(40, size=150)), draw.integers(len(vectors_asked), size=150)
    queries = Queries(users, rows, -0.2 * draw.random(150), vectors_asked)
    depth = draw.integers(1, 60, size=40)
    found = retrieve_best(search, queries, depth=depth)
    row_depth = np.zeros(len(vectors_asked), np.int64)
    np.maximum.at(row_depth, rows, depth[users])
    hits = search.search(vectors_asked, row_depth)
    asked, hit = np.nonzero(rows[:, None] == hits.queries)
    scores = hits.scores[hit] + queries.offsets[asked]
    every = rank_hits(users[asked], hits.items[hit], scores, depth=depth, is_repeated=True)
    assert found.equals(every)


def test_a_query_deeper_than_its_cells_gets_all(clustered):
    vectors, queries = clustered
    search = ApproximateSearch(vectors, np.ones(N, np.bool_), depth=10)
    found = search.search(queries[:3], np.array([N, 0, 2000]))
    counts = np.bincount(found.queries, minlength=3)
    assert counts[0] == N
    assert counts[1] == 0
    assert counts[2] >= 2000
    assert len(np.unique(found.items[found.queries == 0])) == N


def test_hits_do_not_depend_on_the_queries_around(clustered):
    vectors, queries = clustered
    search = ApproximateSearch(vectors, np.ones(N, np.bool_), depth=30)
    together = search.search(queries, np.full(len(queries), 30))
    for query in (0, 57, 199):
        alone = search.search(queries[[query]], np.array([30]))
        mine = together.queries == query
        assert set(alone.items) == set(together.items[mine])


class Half:
    """Finds every second of the true nearest."""

    index_recall = None

    def __init__(self, exact):
        self._exact = exact

    def search(self, queries, depth):
        hits = self._exact.search(queries, depth)
        order = np.lexsort((-hits.scores, hits.queries))[::2]
        return Hits(hits.queries[order], hits.items[order], hits.scores[order])


def test_recall_is_the_share_of_the_true_nearest(clustered):
    vectors, queries = clustered
    exact = ExactSearch(vectors, np.ones(N, np.bool_))
    assert measure_recall(exact, exact, queries, 20) == 1.0
    assert measure_recall(Half(exact), exact, queries, 20) == pytest.approx(0.5, abs=0.03)


def test_sample_queries_are_used_where_given(clustered):
    vectors, _ = clustered
    far = unit_rows(np.random.default_rng(1).normal(size=(100, WIDTH)).astype(np.float32))[0]
    everything = np.ones(N, np.bool_)
    tuned = ApproximateSearch(vectors, everything, depth=50, samples=far)
    plain = ApproximateSearch(vectors, everything, depth=50)
    exact = ExactSearch(vectors, everything)
    assert measure_recall(tuned, exact, far[1::2], 50) == tuned.index_recall
    assert tuned.probed_share > plain.probed_share


def test_small_catalogs_are_searched_exactly(clustered):
    vectors, _ = clustered
    assert choose_search(vectors, np.ones(N, np.bool_), exact_up_to=N, depth=10).index_recall is None
    assert choose_search(vectors, np.ones(N, np.bool_), exact_up_to=N - 1, depth=10).index_recall is not None


def test_sources_above_the_limit_search_approximately_and_tell_the_recall(clustered, make_index, make_shard):
    vectors, queries = clustered
    index = make_index([f"{n:04}" for n in range(N)], vectors)
    shard = make_shard(index, [f"u{n}" for n in range(20)], profiles=queries[:20])
    lists = []
    for limit in (N, 100):
        config = CandidatesConfig(sources={"dense_profile": 1.0}, per_source=50, total=50, exact_up_to=limit)
        sources = build_sources(index, config)
        lists.append(candidates_for_shard(index, shard, sources=sources, config=config).frame)
        recall = index_recall_of(sources)
        assert recall is None if limit == N else recall >= TARGET_RECALL - 0.02
    exact, approximate = lists
    assert len(approximate) == len(exact) == 20 * 50
    both = approximate.join(exact, on=["user_id", "item_id"])
    assert len(both) > 0.93 * len(exact)


def test_no_item_is_lost_among_many_equal_vectors():
    vectors = np.tile(unit_rows(np.ones((1, WIDTH), np.float32))[0], (N, 1))
    search = ApproximateSearch(vectors, np.ones(N, np.bool_), depth=20)
    assert len(np.unique(search.search(vectors[:1], np.array([N])).items)) == N


@pytest.mark.parametrize("n", [2, 45, 90, 700])
def test_small_catalogs_can_be_searched_approximately(clustered, n):
    vectors, queries = clustered
    search = ApproximateSearch(vectors[:n], np.ones(n, np.bool_), depth=5)
    assert len(search.search(queries[:1], np.array([n])).items) == n


def test_the_same_vectors_make_the_same_index(clustered):
    vectors, queries = clustered
    made = [ApproximateSearch(vectors, np.ones(N, np.bool_), depth=50) for _ in range(2)]
    one, other = (search.find(queries, np.full(len(queries), 30)) for search in made)
    assert made[0].probes == made[1].probes
    assert np.array_equal(one.items, other.items)
    assert np.array_equal(one.scores, other.scores)


def test_every_row_lies_in_one_cell_and_a_search_of_all_cells_is_exact(clustered):
    vectors, queries = clustered
    positions = np.flatnonzero(np.arange(N) % 3 != 0)
    cells = part_into_cells(vectors, positions)
    assert np.array_equal(np.sort(cells.members), positions)
    assert (cells.sizes > 0).all()
    assert cells.starts[-1] == len(positions)
    assert np.array_equal(cells.centres.nearest(queries[:2], len(cells)), [np.arange(len(cells))] * 2)


def _true_nearest(queries, centres, n):
    return np.sort(np.argsort(-(queries @ centres.T), axis=1)[:, :n], axis=1)


def test_few_centres_are_all_looked_at(clustered):
    vectors, queries = clustered
    centres = part_into_cells(vectors, np.arange(2000)).centres
    assert len(centres.vectors) < 64
    assert centres.groups is None
    assert np.array_equal(np.sort(centres.nearest(queries, 3), axis=1), _true_nearest(queries, centres.vectors, 3))


@pytest.mark.parametrize("wanted", [1, 4, 9])
def test_of_many_centres_those_in_groups_around_a_query_are_looked_at(clustered, wanted):
    vectors, _ = clustered
    centres = part_into_cells(vectors, np.arange(N)).centres
    assert centres.groups is not None
    assert np.array_equal(np.sort(centres.groups.members), np.arange(len(centres.vectors)))
    asked = vectors[:700]
    found = np.sort(centres.nearest(asked, wanted), axis=1)
    assert (np.diff(found, axis=1) > 0).all()
    true = _true_nearest(asked, centres.vectors, wanted)
    shares = [len(np.intersect1d(one, other)) / wanted for one, other in zip(found, true, strict=True)]
    assert np.mean(shares) > 0.95
    # A query's cells are its own, whoever asks beside it.
    assert np.array_equal(found[5:9], np.sort(centres.nearest(asked[5:9], wanted), axis=1))


def test_who_wants_more_centres_than_its_groups_hold_looks_at_all(clustered):
    vectors, queries = clustered
    centres = part_into_cells(vectors, np.arange(N)).centres
    n = len(centres.vectors) // 2
    assert np.array_equal(np.sort(centres.nearest(queries, n), axis=1), _true_nearest(queries, centres.vectors, n))


def test_blocks_and_threads_change_no_hit(clustered, monkeypatch):
    vectors, queries = clustered
    search = ApproximateSearch(vectors, np.ones(N, np.bool_), depth=50)
    depth = np.random.default_rng(4).integers(0, 70, size=len(queries))
    depth[7] = N
    found = search.search(queries, depth)
    assert (np.bincount(found.queries, minlength=len(queries)) >= depth).all()
    monkeypatch.setattr(approximate_search, "BLOCK_SCORES", 5000)
    monkeypatch.setattr(approximate_search, "BLOCK_VISITS", 40)
    for threads in (1, 2):
        monkeypatch.setattr(faiss, "omp_get_max_threads", lambda threads=threads: threads)
        again = search.search(queries, depth)
        order, other = (np.lexsort((hits.items, hits.queries)) for hits in (found, again))
        assert np.array_equal(found.queries[order], again.queries[other])
        assert np.array_equal(found.items[order], again.items[other])
        assert np.array_equal(found.scores[order], again.scores[other])
