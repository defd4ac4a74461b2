"""Titles as queries: a shard of made-up users whose profile is an item's title, and the sources' scores of all items.

Memory O(block of queries x items); the sources are the product's own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.recommending import CandidatesConfig
from tasks.retrieval.build import build_sources
from tasks.retrieval.item_index import ItemIndex
from tasks.retrieval.source import Pairs, Source
from tasks.retrieval.user_shard import HISTORY_COLUMNS, UserShard, build_user_shard

FloatMatrix = NDArray[np.float32]
Scores = NDArray[np.float64]
CELLS = 2_000_000
"""Scores of a block, for each system."""

SOURCES = {"BM25": "bm25", "dense": "dense_profile"}
"""What the pages call the two searches, and the sources that do them."""


@dataclass(frozen=True)
class TitleQueries:
    """q queries: item_ids (q,) whose titles they are, vectors (q, d) of the titles."""

    item_ids: pl.Series
    titles: Sequence[str]
    vectors: FloatMatrix

    def __len__(self) -> int:
        return len(self.item_ids)

    def take(self, rows: NDArray[np.int64]) -> TitleQueries:
        """The queries at rows."""
        return TitleQueries(self.item_ids.gather(rows), [self.titles[row] for row in rows], self.vectors[rows])


def search_sources(index: ItemIndex) -> dict[str, Source]:
    """BM25 and dense search over the index, by the name in SOURCES."""
    config = CandidatesConfig.model_validate({"sources": dict.fromkeys(SOURCES.values(), 1.0)})
    built = {source.name: source for source in build_sources(index, config)}
    return {name: built[source] for name, source in SOURCES.items()}


def title_shard(index: ItemIndex, queries: TitleQueries) -> UserShard:
    """A user a query, whose profile is the title and who has seen nothing."""
    users = pl.DataFrame({"user_id": queries.item_ids, "profile_text": list(queries.titles)})
    types = dict(zip(HISTORY_COLUMNS, (pl.String, pl.String, pl.Float64, pl.Float64), strict=True))
    return build_user_shard(users, queries.vectors, index=index, history=pl.DataFrame(schema=types), half_life_days=1.0)


def score_blocks(
    index: ItemIndex, queries: TitleQueries, sources: dict[str, Source]
) -> Iterator[tuple[NDArray[np.int64], dict[str, Scores]]]:
    """(rows of the queries, the scores (b, n) of all items by search), block by block; an unscored pair is NaN."""
    step = max(1, CELLS // max(1, len(index)))
    for start in range(0, len(queries), step):
        rows = np.arange(start, min(start + step, len(queries)))
        shard = title_shard(index, queries.take(rows))
        pairs = Pairs(np.repeat(np.arange(len(rows)), len(index)), np.tile(np.arange(len(index)), len(rows)))
        yield (
            rows,
            {name: source.score_pairs(shard, pairs).reshape(len(rows), len(index)) for name, source in sources.items()},
        )


def standardise(scores: Scores) -> Scores:
    """Each row less its mean, in its standard deviations; NaN and -inf are left out of both, a flat row is 0."""
    known = np.isfinite(scores)
    filled = np.where(known, scores, 0.0)
    n = np.maximum(known.sum(axis=1, keepdims=True), 1)
    mean = filled.sum(axis=1, keepdims=True) / n
    centred = np.where(known, filled - mean, 0.0)
    spread = np.sqrt((centred**2).sum(axis=1, keepdims=True) / n)
    return np.where(known, centred / np.where(spread > 0, spread, 1.0), 0.0)


def reciprocal_ranks(scores: Scores, *, k: int, depth: int) -> Scores:
    """1 / (k + rank) of the first `depth` of each row, 0 below: rank fusion's terms. Ties go by position."""
    order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), axis=1, kind="stable")[:, :depth]
    terms = np.zeros_like(scores)
    np.put_along_axis(terms, order, np.broadcast_to(1.0 / (k + np.arange(1, order.shape[1] + 1)), order.shape), axis=1)
    return np.where(np.isfinite(scores), terms, 0.0)


def top_positions(scores: Scores, depth: int) -> NDArray[np.int64]:
    """(b, depth) positions of the highest scores of each row, best first; ties go by position."""
    return np.argsort(-np.nan_to_num(scores, nan=-np.inf), axis=1, kind="stable")[:, :depth]


def seconds_a_query(index: ItemIndex, queries: TitleQueries, source: Source, *, depth: int, n: int = 200) -> float:
    """Seconds that the source takes to retrieve `depth` items for one query, over the first n together."""
    shard = title_shard(index, queries.take(np.arange(min(n, len(queries)))))
    started = time.perf_counter()
    source.retrieve(shard, np.full(len(shard), depth, dtype=np.int64))
    return (time.perf_counter() - started) / max(1, len(shard))
