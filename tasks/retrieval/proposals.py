"""What the sources propose to each user of a shard: their filtered lists, fused, without duplicates, cut to the best."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.contracts.recommending import CandidatesConfig
from tasks.retrieval.allowed_lists import AllowedLists, retrieve_allowed
from tasks.retrieval.exploration import Exploration
from tasks.retrieval.filters import Exclusions, without_duplicates
from tasks.retrieval.fusion import JoinedLists, RankedList, fuse_ranks, fuse_scores, join_lists, order_fused
from tasks.retrieval.item_index import BoolVector, FloatVector, IntVector, ItemIndex
from tasks.retrieval.order import run_starts
from tasks.retrieval.source import Pairs, Source
from tasks.retrieval.user_shard import UserShard

BLOCK_ROWS = 1 << 17
"""Rows of lists that are fused at once: they fit the processor's cache."""


@dataclass(frozen=True)
class Proposals:
    """pairs: user, item, n_sources, fused_score, propensity and `<source>_rank`, by user, best first. dropped: pairs by
    reason: those of Exclusions, `duplicate` and `beyond_total`.
    """

    pairs: pl.DataFrame
    dropped: dict[str, int]


@dataclass(frozen=True)
class _Fused:
    """What stays of the pairs of some users, by user, best first, with the fused scores; and how many fell out."""

    pairs: JoinedLists
    scores: FloatVector
    is_drawn: BoolVector
    n_duplicates: int
    n_beyond: int


def propose_candidates(
    index: ItemIndex,
    shard: UserShard,
    *,
    sources: Sequence[Source],
    config: CandidatesConfig,
    exclusions: Exclusions,
) -> Proposals:
    """At most config.total pairs a user. Those that exploration drew are among them, and count.

    Exploration draws among the first items (by id) of the near-duplicate groups, so that what it drew never falls out
    as a duplicate; its list has no part in the fusion.
    """
    lists: list[AllowedLists] = []
    chances = np.zeros(len(shard))
    for source in sources:
        if isinstance(source, Exploration):
            drawn, chances = _draw(index, shard, source, config, exclusions)
            lists.append(drawn)
        else:
            lists.append(retrieve_allowed(source, shard, exclusions, config.per_source))
    # Scores are asked for all users at once: that is what most sources do well.
    step = len(shard) if config.fusion == "weighted-scores" else BLOCK_ROWS // (len(sources) * config.per_source)
    parts = [_fuse_lists(part, index, shard, sources, config) for part in _by_users(lists, len(shard), max(1, step))]
    found = [one for one, source in zip(lists, sources, strict=True) if not isinstance(source, Exploration)]
    n_duplicates, n_beyond = sum(part.n_duplicates for part in parts), sum(part.n_beyond for part in parts)
    dropped = {**_count_dropped(found, exclusions), "duplicate": n_duplicates, "beyond_total": n_beyond}
    return Proposals(_frame_of(parts, chances, sources), dropped)


def _by_users(lists: Sequence[AllowedLists], n_users: int, step: int) -> Iterator[list[RankedList]]:
    """The rows of `step` users after another; at least once, be it of nobody."""
    for start in range(0, max(1, n_users), step):
        bounds = [np.searchsorted(one.users, (start, start + step)) for one in lists]
        yield [
            RankedList(one.users[first:stop], one.items[first:stop], one.ranks[first:stop])
            for one, (first, stop) in zip(lists, bounds, strict=True)
        ]


def _fuse_lists(
    lists: Sequence[RankedList], index: ItemIndex, shard: UserShard, sources: Sequence[Source], config: CandidatesConfig
) -> _Fused:
    joined = join_lists(lists)
    scores = _fuse(joined, shard, sources, config)
    order = order_fused(joined.users, scores)
    is_drawn = _is_drawn(joined, sources)
    stays = without_duplicates(joined.users[order], joined.items[order], is_drawn[order], index)
    distinct = order[stays]
    kept = distinct[_is_within(joined.users[distinct], is_drawn[distinct], config.total)]
    pairs = JoinedLists(joined.users[kept], joined.items[kept], joined.ranks[:, kept])
    return _Fused(pairs, scores[kept], is_drawn[kept], len(order) - len(distinct), len(distinct) - len(kept))


def _frame_of(parts: Sequence[_Fused], chances: FloatVector, sources: Sequence[Source]) -> pl.DataFrame:
    users = np.concatenate([part.pairs.users for part in parts])
    is_drawn = np.concatenate([part.is_drawn for part in parts])
    ranks = {
        f"{source.name}_rank": np.concatenate([part.pairs.ranks[place] for part in parts])
        for place, source in enumerate(sources)
    }
    frame = pl.DataFrame(
        {
            "user": users.astype(np.uint32),
            "item": np.concatenate([part.pairs.items for part in parts]).astype(np.uint32),
            **ranks,
            "n_sources": np.concatenate([part.pairs.n_sources for part in parts]),
            "propensity": np.where(is_drawn, chances[users], np.nan),
            "fused_score": np.concatenate([part.scores for part in parts]),
        }
    )
    blank = [pl.when(pl.col(name) > 0).then(pl.col(name)).alias(name) for name in ranks]
    return frame.with_columns(*blank, pl.col("propensity").fill_nan(None))


def _draw(
    index: ItemIndex, shard: UserShard, source: Exploration, config: CandidatesConfig, exclusions: Exclusions
) -> tuple[AllowedLists, FloatVector]:
    """The drawn lists, and each user's chance (u,) of an item to be drawn: drawn / eligible."""
    eligible = exclusions.only(_is_first_of_group(index))
    drawn = retrieve_allowed(source, shard, eligible, min(config.exploration_items, config.total))
    n_drawn, n_eligible = np.bincount(drawn.users, minlength=len(shard)), eligible.count_allowed()
    return drawn, n_drawn / np.maximum(n_eligible, 1)


def _is_drawn(joined: JoinedLists, sources: Sequence[Source]) -> BoolVector:
    """(p,) which pairs exploration drew."""
    rows = [place for place, source in enumerate(sources) if isinstance(source, Exploration)]
    return np.asarray((joined.ranks[rows] > 0).any(axis=0))


def _is_first_of_group(index: ItemIndex) -> BoolVector:
    """(n,) the first active item of each near-duplicate group."""
    usable = np.flatnonzero(index.is_active)
    _, first = np.unique(index.group_codes[usable], return_index=True)
    is_first = np.zeros(len(index), dtype=np.bool_)
    is_first[usable[first]] = True
    return is_first


def _fuse(joined: JoinedLists, shard: UserShard, sources: Sequence[Source], config: CandidatesConfig) -> FloatVector:
    speaking = [source for source in sources if not isinstance(source, Exploration)]
    configured = {str(name): weight for name, weight in config.sources.items()}
    weights: Mapping[str, float] = {source.name: configured[source.name] for source in speaking}
    if config.fusion == "reciprocal-rank":
        rows = [place for place, source in enumerate(sources) if not isinstance(source, Exploration)]
        return fuse_ranks(joined.ranks[rows], weights=list(weights.values()), rrf_k=config.rrf_k)
    scores = {source.name: source.score_pairs(shard, Pairs(joined.users, joined.items)) for source in speaking}
    return fuse_scores(joined.users, scores, weights=weights)


def _is_within(users: IntVector, is_drawn: BoolVector, total: int) -> BoolVector:
    """Of lists, best first: each user's drawn rows, and of the others the first that still fit into total."""
    starts = run_starts(users)
    sizes = np.diff(np.r_[starts, len(users)])
    n_drawn = np.add.reduceat(is_drawn.astype(np.int64), starts) if len(starts) else sizes
    others = np.cumsum(~is_drawn)
    nth_other: IntVector = others - np.repeat(others[starts] - ~is_drawn[starts], sizes)
    return np.asarray(is_drawn | (nth_other <= total - np.repeat(n_drawn, sizes)))


def _count_dropped(found: Sequence[AllowedLists], exclusions: Exclusions) -> dict[str, int]:
    """Distinct pairs that any source had found, by reason."""
    keys = np.concatenate([np.empty(0, np.int64), *(lists.dropped for lists in found)])
    codes = np.concatenate([np.empty(0, np.int64), *(lists.dropped_codes for lists in found)])
    _, first = np.unique(keys, return_index=True)
    counts = np.bincount(codes[first], minlength=len(exclusions.reasons) + 1)
    return {reason: int(counts[code]) for code, reason in enumerate(exclusions.reasons, start=1)}
