"""A user asks with several vectors; an item's score is that of the query that likes it most. What the dense sources share.

score(user, item) = max over the user's queries q of offset(q) + q . item

An item among the user's best t is among the best t of the query that gives its score, so searching every query to
depth t loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.retrieval.item_index import FloatMatrix, FloatVector, IntVector
from tasks.retrieval.source import BLOCK_CELLS, SCORE_DECIMALS, Pairs, rank_hits
from tasks.retrieval.vector_search import VectorSearch

BLOCK_HITS = BLOCK_CELLS // 4
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
    parts = [_retrieve_block(search, queries, part, wanted) for part in _user_blocks(queries.users, wanted)]
    found = (
        pl.concat(parts) if parts else pl.DataFrame(schema={"user": pl.Int64, "item": pl.Int64, "score": pl.Float64})
    )
    return rank_hits(found["user"].to_numpy(), found["item"].to_numpy(), found["score"].to_numpy(), depth=depth)


def score_best(queries: Queries, pairs: Pairs, vectors: FloatMatrix) -> tuple[FloatVector, IntVector]:
    """The score of each pair and the query that gives it (the first of equals); NaN and -1 where the user has none.

    pairs.items are rows of vectors (n, d). O(pairs * queries a user * d); memory: one user's pairs.
    """
    scores, best = np.full(len(pairs), np.nan), np.full(len(pairs), -1)
    for mine, places in pairs_by_user(queries.users, pairs):
        asked = queries.vectors[queries.rows[mine]].astype(np.float64)
        dots = np.round(vectors[pairs.items[places]].astype(np.float64) @ asked.T, SCORE_DECIMALS)
        worth = np.round(dots + queries.offsets[mine], SCORE_DECIMALS)
        first = worth.argmax(axis=1)
        scores[places] = worth[np.arange(len(places)), first]
        best[places] = mine.start + first
    return scores, best


def pairs_by_user(owners: IntVector, pairs: Pairs) -> Iterator[tuple[slice, IntVector]]:
    """For each user with pairs and entries: the slice of the user's entries in owners (ascending), and of the pairs."""
    order = np.argsort(pairs.users, kind="stable")
    users, first = np.unique(pairs.users[order], return_index=True)
    ends = np.append(first[1:], len(order))
    starts, stops = np.searchsorted(owners, users), np.searchsorted(owners, users, side="right")
    for row in np.flatnonzero(stops > starts):
        yield slice(int(starts[row]), int(stops[row])), order[first[row] : ends[row]]


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


def _user_blocks(users: IntVector, wanted: IntVector) -> Iterator[IntVector]:
    """Places of the queries that want something; a user stays whole, and a block wants about BLOCK_HITS."""
    places = np.flatnonzero(wanted > 0)
    if len(places):
        block = np.cumsum(wanted[places]) // BLOCK_HITS
        block = block[np.searchsorted(users[places], users[places])]
        yield from np.split(places, np.flatnonzero(np.diff(block)) + 1)


def _retrieve_block(search: VectorSearch, queries: Queries, part: IntVector, wanted: IntVector) -> pl.DataFrame:
    rows = queries.rows[part]
    row_depth = np.zeros(len(queries.vectors), dtype=np.int64)
    np.maximum.at(row_depth, rows, wanted[part])
    hits = search.search(queries.vectors, row_depth)
    order = np.lexsort((-hits.scores, hits.queries))
    starts = np.searchsorted(hits.queries[order], rows)
    sizes = np.searchsorted(hits.queries[order], rows, side="right") - starts
    # What the wanted-th item of any one query scores, the user's list reaches: all below it is left out early.
    is_full = sizes >= wanted[part]
    last = order[(starts + wanted[part] - 1)[is_full]]
    least = np.full(int(queries.users[part].max()) + 1, -np.inf)
    np.maximum.at(least, queries.users[part][is_full], hits.scores[last] + queries.offsets[part][is_full])
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    places = order[np.repeat(starts, sizes) + within]
    owners = np.repeat(queries.users[part], sizes)
    scores = hits.scores[places] + np.repeat(queries.offsets[part], sizes)
    is_near = scores >= least[owners] - 10.0**-SCORE_DECIMALS
    found = pl.DataFrame({"user": owners[is_near], "item": hits.items[places[is_near]], "score": scores[is_near]})
    return found.group_by("user", "item").agg(pl.col("score").max())
