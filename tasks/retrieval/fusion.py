"""Fusion of several ranked lists into one: by weighted reciprocal rank, or by weighted standardised scores.

reciprocal-rank  (Cormack, Clarke and Buettcher, SIGIR 2009) looks at places alone, so no source's scale matters
weighted-scores  looks at how far an item stands out in each source; what the textbooks call a hybrid with weights
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.retrieval.item_index import FloatVector, IntVector
from tasks.retrieval.order import order_hits

DECIMALS = 9


@dataclass(frozen=True)
class RankedList:
    """Rows of one source's lists, in any order: user, item, rank from 1; each pair at most once."""

    users: IntVector
    items: IntVector
    ranks: IntVector


@dataclass(frozen=True)
class JoinedLists:
    """p pairs that any list holds, by user and item. ranks (sources, p): the place in each source's list, 0: not in it."""

    users: IntVector
    items: IntVector
    ranks: NDArray[np.uint32]

    @property
    def n_sources(self) -> NDArray[np.uint32]:
        """(p,) how many lists hold the pair."""
        return np.asarray(np.count_nonzero(self.ranks, axis=0), dtype=np.uint32)


def join_lists(lists: Sequence[RankedList]) -> JoinedLists:
    """The pairs of all lists, one row of ranks a list. O(r log r) for r rows."""
    nothing = np.empty(0, dtype=np.int64)
    users = np.concatenate([nothing, *(one.users for one in lists)])
    items = np.concatenate([nothing, *(one.items for one in lists)])
    ranks = np.concatenate([nothing, *(one.ranks for one in lists)])
    sources = np.repeat(np.arange(len(lists)), [len(one.users) for one in lists])
    if len(users):
        users, items, sources, ranks = _sort_rows(users, items, sources, ranks)
    is_new = np.r_[True, (users[1:] != users[:-1]) | (items[1:] != items[:-1])][: len(users)]
    pair_starts, pairs = np.flatnonzero(is_new), np.cumsum(is_new) - 1
    table = np.zeros((len(lists), len(pair_starts)), dtype=np.uint32)
    table[sources, pairs] = ranks
    return JoinedLists(users[pair_starts], items[pair_starts], table)


def fuse_ranks(ranks: NDArray[np.uint32], *, weights: Sequence[float], rrf_k: int) -> FloatVector:
    """fused_score of each pair (see JoinedLists): the sum over the lists that hold it of weight / (rrf_k + rank)."""
    total = np.zeros(ranks.shape[1])
    for row, weight in zip(ranks, weights, strict=True):
        total += np.where(row > 0, weight / (rrf_k + row.astype(np.float64)), 0.0)
    return np.round(total, DECIMALS)


def fuse_scores(users: IntVector, scores: Mapping[str, FloatVector], *, weights: Mapping[str, float]) -> FloatVector:
    """fused_score of each pair: the sum over the sources of weight * standardised score.

    users: (r,) ascending; scores: (r,) of each source, NaN where it can't score the pair. A score is standardised among
    the user's pairs: minus the mean, divided by the standard deviation (denominator r). A pair that a source can't
    score gets the lowest of the user's standardised scores; where it scores none of the user's pairs, or all alike, it
    adds 0. O(r) a source.
    """
    total = np.zeros(len(users))
    for name, weight in weights.items():
        total += weight * _standardise(users, scores[name])
    return np.round(total, DECIMALS)


def order_fused(users: IntVector, fused: FloatVector) -> IntVector:
    """The order by user and fused score, best first, of pairs that lie by user and item; equal scores keep that order."""
    # A pair's place stands for its item: the order of both is the same within a user.
    return order_hits(users, np.arange(len(users)), fused, decimals=DECIMALS).items


def _sort_rows(users: IntVector, items: IntVector, sources: IntVector, ranks: IntVector) -> tuple[IntVector, ...]:
    """The four columns by user, item and source; as one number where they fit one."""
    bits = [int(values.max()).bit_length() for values in (users, items, sources, ranks)]
    if sum(bits) > 63:
        order = np.lexsort((sources, items, users))
        return users[order], items[order], sources[order], ranks[order]
    keys = users
    for values, width in zip((items, sources, ranks), bits[1:], strict=True):
        keys = (keys << width) | values
    keys = np.sort(keys)
    columns = []
    for width in reversed(bits[1:]):
        columns.append(keys & ((1 << width) - 1))
        keys = keys >> width
    return keys, columns[2], columns[1], columns[0]


def _standardise(users: IntVector, scores: FloatVector) -> FloatVector:
    if not len(users):
        return np.zeros(0)
    _, first = np.unique(users, return_index=True)
    sizes = np.diff(np.append(first, len(users)))
    known = ~np.isnan(scores)
    counts = np.maximum(np.add.reduceat(known.astype(np.float64), first), 1.0)
    means = np.add.reduceat(np.where(known, scores, 0.0), first) / counts
    centred = np.where(known, scores - np.repeat(means, sizes), 0.0)
    deviations = np.sqrt(np.add.reduceat(centred**2, first) / counts)
    is_flat = deviations <= 10.0**-DECIMALS
    standard = centred / np.repeat(np.where(is_flat, 1.0, deviations), sizes)
    lowest = np.minimum.reduceat(np.where(known, standard, np.inf), first)
    lowest = np.where(np.isfinite(lowest) & ~is_flat, lowest, 0.0)
    return np.where(np.repeat(is_flat, sizes), 0.0, np.where(known, standard, np.repeat(lowest, sizes)))
