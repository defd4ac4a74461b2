"""Which items lie near which: new items against all, by exact search or, where that would take too long, by the index.

Exact search takes O(new x all x d). From about `exact_up_to` squared products on, only the cells around an item are looked
into (see approximate_search): O(new x share of the cells x all x d), which finds most of it; how much is measured each time.
Memory O(all x d) for the index, and one block of queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.retrieval.approximate_search import ApproximateSearch
from tasks.retrieval.exact_search import ExactSearch
from tasks.retrieval.vector_search import VectorSearch

QUERY_BLOCK = 8192
"""Queries whose pairs are handed on at once: 170,000 pairs at most with 20 neighbours each."""
SAMPLE_QUERIES, RECALL_QUERIES = 400, 1000
SEED = 13


@dataclass(frozen=True)
class NearPairs:
    """Pairs found for one block of queries: query and neighbour are row numbers, cosine in [-1, 1]."""

    queries: NDArray[np.int64]
    query: NDArray[np.int64]
    neighbour: NDArray[np.int64]
    cosine: NDArray[np.float64]


@dataclass(frozen=True)
class PairRecall:
    """How many of the near pairs of n_queries sampled queries exact search finds, and how many of these were found."""

    n_queries: int
    n_pairs: int
    n_found: int

    @property
    def recall(self) -> float | None:
        """In [0, 1]; None where the sample has no near pair."""
        return self.n_found / self.n_pairs if self.n_pairs else None

    def describe(self) -> str:
        """For the operator."""
        if self.recall is None:
            return f"{self.n_queries} sampled contents have no near pair"
        return (
            f"finds {self.recall:.2%} of the {self.n_pairs} near pairs that exact search finds for"
            f" {self.n_queries} sampled contents"
        )


def make_search(
    vectors: NDArray[np.float32], queries: NDArray[np.int64], *, exact_up_to: int, max_neighbours: int
) -> VectorSearch:
    """Exact search while the products are at most exact_up_to squared, else the index, tuned on some of the queries."""
    everywhere = np.ones(len(vectors), dtype=bool)
    if len(queries) * len(vectors) <= exact_up_to**2:
        return ExactSearch(vectors, everywhere)
    samples = vectors[draw_queries(queries, SAMPLE_QUERIES)]
    return ApproximateSearch(vectors, everywhere, depth=max_neighbours + 1, samples=samples)


def find_near_pairs(
    vectors: NDArray[np.float32],
    queries: NDArray[np.int64],
    *,
    min_cosine: float,
    max_neighbours: int,
    search: VectorSearch | None = None,
) -> Iterator[NearPairs]:
    """For each row number in `queries`, its neighbours in `vectors` (n, d; unit length) with a cosine of at least min_cosine.

    At most max_neighbours a query, nearest first (of equals those of the smaller row number), the query itself left out.
    Yields one result per block of queries. search: what make_search made of the same vectors; None: exact.
    """
    chosen = search or ExactSearch(vectors, np.ones(len(vectors), dtype=bool))
    for start in range(0, len(queries), QUERY_BLOCK):
        part = queries[start : start + QUERY_BLOCK]
        hits = chosen.search(vectors[part], np.full(len(part), min(max_neighbours + 1, len(vectors))))
        kept = (hits.scores >= min_cosine) & (hits.items != part[hits.queries])
        row, column, cosine = hits.queries[kept], hits.items[kept], hits.scores[kept]
        order = np.lexsort((column, -cosine, row))
        row, column, cosine = row[order], column[order], cosine[order]
        place = np.arange(len(row)) - np.searchsorted(row, row, side="left")
        is_near = place < max_neighbours
        yield NearPairs(part, part[row[is_near]], column[is_near], cosine[is_near])


def measure_pair_recall(
    look: Callable[..., Iterator[NearPairs]],
    queries: NDArray[np.int64],
    *,
    search: VectorSearch,
    n_queries: int = RECALL_QUERIES,
) -> PairRecall:
    """What the search finds of the near pairs of some queries, of which none tuned it unless there are too few.

    look is find_near_pairs with its vectors and limits; without a search it is exact. Of pairs that tie at the end of a list
    any will do, so scores are counted. O(n_queries n d).
    """
    drawn = draw_queries(queries, SAMPLE_QUERIES + n_queries)
    tuned = set(draw_queries(queries, SAMPLE_QUERIES).tolist())
    fresh = np.array([query for query in drawn.tolist() if query not in tuned], dtype=np.int64)
    sample = (fresh if len(fresh) >= min(n_queries, len(queries)) // 2 else drawn)[:n_queries]
    n_pairs = n_found = 0
    for true, seen in zip(look(sample), look(sample, search=search), strict=True):
        wanted, got = _scores_of(true), _scores_of(seen)
        n_pairs += len(true.query)
        n_found += sum(
            min(len(scores), sum(score >= scores[-1] for score in got.get(query, [])))
            for query, scores in wanted.items()
        )
    return PairRecall(len(sample), n_pairs, n_found)


def draw_queries(queries: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """n of the row numbers or all, drawn by a fixed seed; a smaller draw is the beginning of a larger one."""
    return queries[np.random.default_rng(SEED).permutation(len(queries))[:n]]


def _scores_of(pairs: NearPairs) -> dict[int, list[float]]:
    """The cosines of each query's pairs, highest first."""
    scores: dict[int, list[float]] = {}
    for query, cosine in zip(pairs.query.tolist(), pairs.cosine.tolist(), strict=True):
        scores.setdefault(query, []).append(cosine)
    return scores
