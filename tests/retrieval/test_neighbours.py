"""Near pairs: the index finds what exact search finds, nearest first, and says how much of it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from tasks.retrieval.approximate_search import ApproximateSearch
from tasks.retrieval.exact_search import ExactSearch
from tasks.retrieval.item_index import FloatMatrix, IntVector, unit_rows
from tasks.retrieval.neighbours import QUERY_BLOCK, find_near_pairs, make_search, measure_pair_recall


@pytest.fixture(scope="module")
def vectors() -> FloatMatrix:
    """6,000 items around 60 centres, every tenth a near copy of the one before it."""
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((60, 32))
    rows = unit_rows(centres[np.arange(6000) % 60] + 1.2 * rng.standard_normal((6000, 32)))[0]
    rows[9::10] = rows[8::10] + 0.05 * rng.standard_normal((600, 32))
    return unit_rows(rows.astype(np.float32))[0]


def everything(vectors: FloatMatrix) -> IntVector:
    return np.arange(len(vectors))


def test_pairs_are_those_of_a_matrix_product(vectors: FloatMatrix) -> None:
    some = vectors[:400]
    (found,) = find_near_pairs(some, np.array([8, 9, 150]), min_cosine=0.75, max_neighbours=5)
    products = some[[8, 9, 150]].astype(np.float64) @ some.T.astype(np.float64)
    for row, query in enumerate((8, 9, 150)):
        others = [
            n for n in np.argsort(-products[row], kind="stable").tolist() if n != query and products[row, n] >= 0.75
        ]
        assert found.neighbour[found.query == query].tolist() == others[:5]
    assert 9 in found.neighbour[found.query == 8]


def test_large_searches_go_to_the_index_and_small_ones_do_not(vectors: FloatMatrix) -> None:
    few = np.arange(50)
    assert isinstance(make_search(vectors, few, exact_up_to=1000, max_neighbours=5), ExactSearch)
    assert isinstance(make_search(vectors, everything(vectors), exact_up_to=1000, max_neighbours=5), ApproximateSearch)


def test_index_finds_nearly_all_near_pairs_and_the_measure_says_so(vectors: FloatMatrix) -> None:
    queries = everything(vectors)
    search = make_search(vectors, queries, exact_up_to=1000, max_neighbours=5)
    look = partial(find_near_pairs, vectors, min_cosine=0.75, max_neighbours=5)
    exact = {pair for part in look(queries) for pair in zip(part.query.tolist(), part.neighbour.tolist(), strict=True)}
    found = {
        pair
        for part in look(queries, search=search)
        for pair in zip(part.query.tolist(), part.neighbour.tolist(), strict=True)
    }
    share = len(exact & found) / len(exact)
    told = measure_pair_recall(look, queries, search=search)
    assert share > 0.9
    assert told.n_queries == 1000
    assert told.recall is not None
    assert abs(told.recall - share) < 0.05


def test_measure_tells_of_what_is_missed(vectors: FloatMatrix) -> None:
    half = ExactSearch(vectors, np.arange(len(vectors)) % 2 == 0)
    look = partial(find_near_pairs, vectors, min_cosine=0.75, max_neighbours=5)
    told = measure_pair_recall(look, everything(vectors), search=half)
    assert told.recall is not None
    assert told.recall < 0.6


def test_queries_come_in_blocks(vectors: FloatMatrix) -> None:
    twice = np.concatenate([everything(vectors), everything(vectors)])
    sizes = [len(part.queries) for part in find_near_pairs(vectors, twice, min_cosine=0.99, max_neighbours=1)]
    assert sizes == [QUERY_BLOCK, len(twice) - QUERY_BLOCK]
