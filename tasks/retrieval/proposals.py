"""What the sources propose to each user of a shard: their filtered lists, fused, without duplicates, cut to the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.contracts.recommending import CandidatesConfig
from tasks.retrieval.allowed_lists import AllowedLists, retrieve_allowed
from tasks.retrieval.exploration import Exploration
from tasks.retrieval.filters import Exclusions, drop_duplicates
from tasks.retrieval.fusion import fuse_ranks, fuse_scores, join_lists, order_fused
from tasks.retrieval.item_index import BoolVector, ItemIndex
from tasks.retrieval.source import Pairs, Source
from tasks.retrieval.user_shard import UserShard


@dataclass(frozen=True)
class Proposals:
    """pairs: user, item, n_sources, fused_score, propensity and `<source>_rank`, by user, best first. dropped: pairs by
    reason: those of Exclusions, `duplicate` and `beyond_total`.
    """

    pairs: pl.DataFrame
    dropped: dict[str, int]


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
    lists, found, drawn = {}, [], _nothing_drawn()
    for source in sources:
        if isinstance(source, Exploration):
            lists[source.name], drawn = _draw(index, shard, source, config, exclusions)
        else:
            found.append(retrieve_allowed(source, shard, exclusions, config.per_source))
            lists[source.name] = found[-1].lists
    pairs = join_lists(lists).join(drawn, on=["user", "item"], how="left", maintain_order="left")
    fused = order_fused(pairs.with_columns(_fuse(pairs, shard, sources, config)))
    distinct, n_duplicates = drop_duplicates(fused, index)
    kept = _cut(distinct, config.total)
    dropped = _count_dropped(found, exclusions)
    return Proposals(kept, {**dropped, "duplicate": n_duplicates, "beyond_total": len(distinct) - len(kept)})


def _draw(
    index: ItemIndex, shard: UserShard, source: Exploration, config: CandidatesConfig, exclusions: Exclusions
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The drawn list, and the same as user, item, propensity: drawn / eligible."""
    eligible = exclusions.only(_is_first_of_group(index))
    drawn = retrieve_allowed(source, shard, eligible, min(config.exploration_items, config.total)).lists
    users = drawn["user"].cast(pl.Int64).to_numpy()
    n_drawn, n_eligible = np.bincount(users, minlength=len(shard)), eligible.count_allowed()
    chances = (n_drawn / np.maximum(n_eligible, 1))[users]
    return drawn, drawn.select("user", "item", pl.Series("propensity", chances, dtype=pl.Float64))


def _nothing_drawn() -> pl.DataFrame:
    return pl.DataFrame(schema={"user": pl.UInt32, "item": pl.UInt32, "propensity": pl.Float64})


def _is_first_of_group(index: ItemIndex) -> BoolVector:
    """(n,) the first active item of each near-duplicate group."""
    usable = np.flatnonzero(index.is_active)
    _, first = np.unique(index.group_codes[usable], return_index=True)
    is_first = np.zeros(len(index), dtype=np.bool_)
    is_first[usable[first]] = True
    return is_first


def _fuse(pairs: pl.DataFrame, shard: UserShard, sources: Sequence[Source], config: CandidatesConfig) -> pl.Series:
    speaking = [source for source in sources if not isinstance(source, Exploration)]
    configured = {str(name): weight for name, weight in config.sources.items()}
    weights: Mapping[str, float] = {source.name: configured[source.name] for source in speaking}
    if config.fusion == "reciprocal-rank":
        return fuse_ranks(pairs, weights=weights, rrf_k=config.rrf_k)
    users, items = pairs["user"].cast(pl.Int64).to_numpy(), pairs["item"].cast(pl.Int64).to_numpy()
    scores = {source.name: source.score_pairs(shard, Pairs(users, items)) for source in speaking}
    return pl.Series("fused_score", fuse_scores(users, scores, weights=weights), dtype=pl.Float64)


def _cut(ordered: pl.DataFrame, total: int) -> pl.DataFrame:
    """Each user's drawn rows, and of the others the best that still fit into total."""
    is_drawn = pl.col("propensity").is_not_null()
    room = total - is_drawn.sum().over("user").cast(pl.Int64)
    nth_other = (~is_drawn).cast(pl.Int64).cum_sum().over("user")
    return ordered.filter(is_drawn | (nth_other <= room))


def _count_dropped(found: Sequence[AllowedLists], exclusions: Exclusions) -> dict[str, int]:
    """Distinct pairs that any source had found, by reason."""
    keys = np.concatenate([np.empty(0, np.int64), *(lists.dropped for lists in found)])
    codes = np.concatenate([np.empty(0, np.int64), *(lists.dropped_codes for lists in found)])
    _, first = np.unique(keys, return_index=True)
    counts = np.bincount(codes[first], minlength=len(exclusions.reasons) + 1)
    return {reason: int(counts[code]) for code, reason in enumerate(exclusions.reasons, start=1)}
