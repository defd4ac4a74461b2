"""A user asks with several vectors; an item's score is that of the query that likes it most. What the dense sources share.

score(user, item) = max over the user's queries q of offset(q) + q . item

An item among the user's best t is among the best t of the query that gives its score, so searching every query to
depth t loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from tasks.contracts.dots import run_dots
from tasks.retrieval.item_index import FloatMatrix, FloatVector, IntVector
from tasks.retrieval.order import SCORE_DECIMALS, order_hits, run_starts
from tasks.retrieval.source import BLOCK_CELLS, Pairs, rank_hits
from tasks.retrieval.vector_search import Near, VectorSearch

BLOCK_HITS = BLOCK_CELLS // 4
RANKED_HITS = 1 << 18
BLOCK_SCORES = 1 << 18
"""So many hits and scores at once fit the processor's cache, which makes all but the search faster."""
CONCENTRATION = 50.0
"""How little a small weight holds back: with 50, a tenth of the weight is worth 0.046 of cosine."""


@dataclass(frozen=True)
class Queries:
    """Query i is user users[i]'s (ascending), the vector vectors[rows[i]] of (v, d), worth offsets[i] more or less.

    Several users may share a row of vectors: it is searched once.
    """

    users: IntVector
    rows: IntVector
    offsets: FloatVector
    vectors: FloatMatrix


def retrieve_best(search: VectorSearch, queries: Queries, *, depth: IntVector) -> pl.DataFrame:
    """Lists as in Source.retrieve, over the rows that are searched.

    O(distinct rows * the cost of a search + queries * depth * log). Memory: BLOCK_HITS hits, or one user's.
    """
    wanted = depth[queries.users]
    nothing = np.empty(0, dtype=np.int64)
    parts = [rank_hits(nothing, nothing, np.empty(0), depth=depth)]
    for part in _user_blocks(queries.users, wanted, np.flatnonzero(wanted > 0), limit=BLOCK_HITS):
        near = _find_near(search, queries, part, wanted)
        for few in _user_blocks(queries.users, wanted, part, limit=RANKED_HITS):
            parts.append(_rank_near(search, queries, few, near, depth=depth))
    return pl.concat(parts)


def score_best(queries: Queries, pairs: Pairs, vectors: FloatMatrix) -> tuple[FloatVector, IntVector]:
    """The score of each pair and the query that gives it (the first of equals); NaN and -1 where the user has none.

    pairs.items are rows of vectors (n, d). O(pairs * queries a user * d); memory: BLOCK_SCORES scores, or one user's.
    """
    if (pairs.users[1:] < pairs.users[:-1]).any():
        order = np.argsort(pairs.users, kind="stable")
        scores, best = np.full(len(pairs), np.nan), np.full(len(pairs), -1)
        scores[order], best[order] = score_best(queries, Pairs(pairs.users[order], pairs.items[order]), vectors)
        return scores, best
    parts = [_score_block(queries, pairs, part, vectors) for part in _pair_blocks(queries.users, pairs)]
    scores = np.concatenate([np.empty(0), *(found for found, _ in parts)])
    return scores, np.concatenate([np.empty(0, np.int64), *(first for _, first in parts)])


def _pair_blocks(owners: IntVector, pairs: Pairs) -> Iterator[slice]:
    """Pairs of whole users, so many that their scores by all of the users' queries are about BLOCK_SCORES."""
    starts = run_starts(pairs.users)
    if not len(starts):
        return
    users, sizes = pairs.users[starts], np.diff(np.r_[starts, len(pairs)])
    n_queries = np.searchsorted(owners, users, side="right") - np.searchsorted(owners, users)
    block = np.cumsum(sizes * np.maximum(n_queries, 1)) // BLOCK_SCORES
    bounds = [0, *starts[np.flatnonzero(np.diff(block)) + 1].tolist(), len(pairs)]
    yield from (slice(start, stop) for start, stop in pairwise(bounds) if stop > start)


def _score_block(queries: Queries, pairs: Pairs, part: slice, vectors: FloatMatrix) -> tuple[FloatVector, IntVector]:
    """score_best of some pairs. Scores lie by user, query and pair; each turn looks at one more query of every user."""
    items, starts = pairs.items[part], run_starts(pairs.users[part])
    users, sizes = pairs.users[part][starts], np.diff(np.r_[starts, part.stop - part.start])
    first_query = np.searchsorted(queries.users, users)
    n_queries = np.searchsorted(queries.users, users, side="right") - first_query
    mine = np.repeat(first_query - (np.cumsum(n_queries) - n_queries), n_queries) + np.arange(n_queries.sum())
    dots = run_dots(
        queries.vectors, queries.rows[mine], vectors, items,
        starts=np.repeat(starts, n_queries), lengths=np.repeat(sizes, n_queries),
    )  # fmt: skip
    worth = np.round(dots + np.repeat(queries.offsets[mine], np.repeat(sizes, n_queries)), SCORE_DECIMALS)
    block_first = np.cumsum(sizes * n_queries) - sizes * n_queries
    within = np.arange(len(items)) - np.repeat(starts, sizes)
    scores, best = np.full(len(items), np.nan), np.full(len(items), -1)
    of_user = np.repeat(np.arange(len(users)), sizes)
    for turn in range(int(n_queries.max(initial=0))):
        rows = np.flatnonzero(n_queries[of_user] > turn)
        owner = of_user[rows]
        found = worth[block_first[owner] + turn * sizes[owner] + within[rows]]
        is_better = ~(found <= scores[rows])
        rows = rows[is_better]
        scores[rows], best[rows] = found[is_better], first_query[of_user[rows]] + turn
    return scores, best


def damp(weights: FloatVector) -> FloatVector:
    """What a query of weight w in (0, 1] is behind one of weight 1: ln(w) / CONCENTRATION, <= 0.

    The largest term of a mixture of von Mises-Fisher distributions with these weights (Banerjee and others, "Clustering
    on the unit hypersphere", JMLR 2005): so a small interest has its items in the list, behind equally near ones.
    """
    return np.log(weights) / CONCENTRATION


def relative_weights(users: IntVector, weights: FloatVector, n_users: int) -> FloatVector:
    """weights (> 0) divided by each user's largest: in (0, 1]."""
    largest = np.zeros(n_users)
    np.maximum.at(largest, users, weights)
    return np.asarray(weights / largest[users])


def _user_blocks(users: IntVector, wanted: IntVector, places: IntVector, *, limit: int) -> Iterator[IntVector]:
    """places of queries that want something; a user stays whole, and a block wants about `limit`."""
    if len(places):
        block = np.cumsum(wanted[places]) // limit
        block = block[np.searchsorted(users[places], users[places])]
        yield from np.split(places, np.flatnonzero(np.diff(block)) + 1)


def _find_near(search: VectorSearch, queries: Queries, part: IntVector, wanted: IntVector) -> Near:
    """What is near some of the queries, by rows of queries.vectors."""
    row_depth = np.zeros(len(queries.vectors), dtype=np.int64)
    np.maximum.at(row_depth, queries.rows[part], wanted[part])
    near = search.find(queries.vectors, row_depth)
    if (near.queries[1:] >= near.queries[:-1]).all():
        return near
    order = np.argsort(near.queries, kind="stable")
    return Near(near.queries[order], near.items[order], near.scores[order], near.slack[order])


def _rank_near(
    search: VectorSearch, queries: Queries, part: IntVector, near: Near, *, depth: IntVector
) -> pl.DataFrame:
    """The lists of the users of some queries; an item may come from several of them."""
    rows = queries.rows[part]
    starts = np.searchsorted(near.queries, rows)
    sizes = np.searchsorted(near.queries, rows, side="right") - starts
    places = np.repeat(starts - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())
    asked, items = np.repeat(part, sizes), near.items[places]
    worth = near.scores[places] + queries.offsets[asked]
    kept = _may_be_listed(queries.users[asked], items, worth, near.slack[places], depth=depth)
    asked, items = asked[kept], items[kept]
    scores = search.score(queries.vectors, queries.rows[asked], items) + queries.offsets[asked]
    return rank_hits(queries.users[asked], items, scores, depth=depth, is_repeated=True)


def _may_be_listed(
    users: IntVector, items: IntVector, worth: FloatVector, slack: FloatMatrix, *, depth: IntVector
) -> IntVector:
    """Which hits may be among the depth[u] best items of their user, where a score is at most `slack` off.

    As many items are surely worth at least `least`; what is surely below that is not among the best.
    """
    surely = order_hits(users, items, worth - slack, is_repeated=True)
    is_last = surely.ranks == depth[surely.users]
    least = np.full(len(depth), -np.inf)
    least[surely.users[is_last]] = surely.scores[is_last]
    return np.flatnonzero(worth + slack >= least[users] - 2 * 10.0**-SCORE_DECIMALS)
