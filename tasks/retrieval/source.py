"""The seam between the candidate sources and whoever fuses them: what a source promises, and how its lists are ordered.

A list is ordered by score, best first; equal scores go by the item's position, so the same input gives the same list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl

from tasks.retrieval.item_index import FloatMatrix, FloatVector, IntVector
from tasks.retrieval.order import SCORE_DECIMALS as SCORE_DECIMALS
from tasks.retrieval.order import order_hits
from tasks.retrieval.user_shard import UserShard

BLOCK_CELLS = 16_000_000


@dataclass(frozen=True)
class Pairs:
    """Pairs of a user's row in the shard and an item's position in the index."""

    users: IntVector
    items: IntVector

    def __len__(self) -> int:
        return len(self.users)


@dataclass(frozen=True)
class AspectVectors:
    """What enrichment says of each item, aspect by aspect, as vectors.

    Row i: aspect names[aspects[i]] of the item at position items[i] (-1: the index lacks it, the row is ignored), its text
    texts[i], vectors (a, d) unit rows.
    """

    names: list[str]
    items: IntVector
    aspects: IntVector
    texts: list[str]
    vectors: FloatMatrix


@dataclass(frozen=True)
class SourceInputs:
    """What the sources are fitted to beside the index; a source without its input is left out.

    interactions: user_id, item_id, weight (> 0), age_days (null: unknown) of all users; in training without the
    held-out pairs. relations: item_id, related_id, relation, strength in (0, 1], without also_bought.
    segment_popularity: segment, item_id, popularity. as_of_day: days since 1970 of what counts as now.
    sample_queries: (s, d) unit rows, vectors of some users, by which an approximate index is tuned and its recall
    measured; without them items stand in.
    """

    interactions: pl.DataFrame | None = None
    relations: pl.DataFrame | None = None
    aspects: AspectVectors | None = None
    segment_popularity: pl.DataFrame | None = None
    as_of_day: float | None = None
    sample_queries: FloatMatrix | None = None


class Source(Protocol):
    """One way to find candidates, fitted to one catalog."""

    @property
    def name(self) -> str:
        """As it stands in the catalog file and in column names."""
        ...

    def retrieve(self, shard: UserShard, depth: IntVector) -> pl.DataFrame:
        """The first depth[u] active items of each user u: user (u32), item (u32), score (f32), rank (u32, from 1).

        Nothing is filtered but inactive items; a user about whom the source knows nothing has no row.
        """
        ...

    def score_pairs(self, shard: UserShard, pairs: Pairs) -> FloatVector:
        """The source's score of any pairs, retrieved or not; NaN where it can't score the user or the item."""
        ...


def rank_hits(
    users: IntVector, items: IntVector, scores: FloatVector, *, depth: IntVector, is_repeated: bool = False
) -> pl.DataFrame:
    """Hits as lists: the best depth[u] of each user, ranked from 1. O(h log h) for h hits.

    is_repeated: a pair may be there several times, and its best score counts.
    """
    ordered = order_hits(users, items, scores, is_repeated=is_repeated)
    kept = ordered.ranks <= depth[ordered.users]
    return pl.DataFrame(
        {
            "user": ordered.users[kept].astype(np.uint32),
            "item": ordered.items[kept].astype(np.uint32),
            "score": ordered.scores[kept].astype(np.float32),
            "rank": ordered.ranks[kept].astype(np.uint32),
        }
    )


def best_positions(scores: FloatVector, depth: int) -> IntVector:
    """Positions of the `depth` highest scores and of all that tie with the last of them, in no order. O(n)."""
    if depth <= 0 or depth >= len(scores):
        return np.arange(len(scores) if depth > 0 else 0)
    rounded = np.round(scores, SCORE_DECIMALS)
    threshold = np.partition(rounded, len(scores) - depth)[len(scores) - depth]
    return np.flatnonzero(rounded >= threshold)
