"""Candidates of one shard of users: every source, the filters, the fusion; and the sources' scores of any other pair.

One row a pair:

    user_id, item_id
    fused_score        of the fusion, larger is better; 0 for what the fallback added and for a pair that joined later
    fused_rank         place in the user's list, from 1; null for a pair that joined later (a judged one)
    n_sources          how many sources proposed the pair; 0: the fallback, or a pair that joined later
    propensity         the probability with which exploration drew the pair, in (0, 1]; null where it did not draw it
    aspect             the name of the aspect in which the item is most like a liked one; null without one
    relation           how the item is related to the liked item of the strongest relation; null without one
    related_item       that liked item's id; null without one
    <source>_score     for each source: for every pair that it can score, whether or not it proposed it; else null
    <source>_rank      for each source: place in its list of what the user may be shown, from 1; null: not proposed

So a row says the same in training, where judged pairs join the candidates, as in serving. aspect, relation and
related_item are null everywhere where the source of that name is not in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.contracts.errors import StepError
from tasks.contracts.recommending import CandidatesConfig, RuleConfig
from tasks.retrieval.aspects import Aspects
from tasks.retrieval.build import build_sources as build_sources
from tasks.retrieval.build import similarity_of as similarity_of
from tasks.retrieval.fallback import fill_short_lists, leave_to_segment
from tasks.retrieval.filters import find_exclusions
from tasks.retrieval.item_index import IntVector, ItemIndex
from tasks.retrieval.order import rank_runs
from tasks.retrieval.proposals import propose_candidates
from tasks.retrieval.relations import Relations
from tasks.retrieval.source import Pairs, Source
from tasks.retrieval.user_shard import UserShard

REASON_COLUMNS = {"aspect": pl.String, "relation": pl.String, "related_item": pl.String}


@dataclass(frozen=True)
class CandidateShard:
    """frame: as above, ordered by user (as in the shard) and fused_rank. lengths: (u,) rows of each user. dropped: pairs by
    reason (see filters), and beyond_total, below the `total` best of a user. n_short: users whose list is too short though
    the catalog is not.
    """

    frame: pl.DataFrame
    lengths: IntVector
    dropped: dict[str, int]
    n_short: int


def candidates_for_shard(
    index: ItemIndex,
    shard: UserShard,
    *,
    sources: Sequence[Source],
    config: CandidatesConfig,
    rules: Sequence[RuleConfig] = (),
    segment_popularity: pl.DataFrame | None = None,
    top_n: int | None = None,
) -> CandidateShard:
    """The config.total best candidates of each user whom nothing excludes, one of each near-duplicate group.

    What exploration drew is always among them. A list with fewer than min(per_source, total) or top_n items is filled
    (see fallback), so it is short only where few items are left for the user; so are the lists of users of whom only a
    segment is known, from what is popular there. n_short counts the lists of fewer than
    top_n items (without it: than the fallback fills up to), where the catalog holds so many for somebody.
    Memory: O(users * sources * (per_source + seen)).
    """
    if not sources:
        raise StepError("no candidate source is left; name one in [candidates.sources]")
    exclusions = find_exclusions(index, shard, rules)
    proposed = propose_candidates(index, shard, sources=sources, config=config, exclusions=exclusions)
    least = min(config.per_source, config.total)
    filled = fill_short_lists(
        leave_to_segment(proposed.pairs, shard, segment_popularity),
        shard=shard,
        target=max(least, top_n or 0),
        index=index,
        exclusions=exclusions,
        segment_popularity=segment_popularity,
    )
    users = filled["user"].to_numpy()
    ranked = filled.with_columns(fused_rank=pl.Series(rank_runs(users).astype(np.uint32)))
    lengths = np.bincount(users, minlength=len(shard))
    n_short = int((lengths < min(least if top_n is None else top_n, index.n_possible)).sum())
    return CandidateShard(_finish(ranked, index, shard, sources), lengths, proposed.dropped, n_short)


def pair_features_for(
    index: ItemIndex, shard: UserShard, *, sources: Sequence[Source], pairs: pl.DataFrame
) -> pl.DataFrame:
    """Rows of the same columns for any pairs (user_id, item_id): scores and reasons filled, ranks null, fused_score 0.

    Pairs of other users or of items that the index lacks are left out. Repeated pairs become one.
    """
    rows = pl.DataFrame({"user_id": shard.user_ids, "user": np.arange(len(shard), dtype=np.uint32)})
    ranks = [pl.lit(None, dtype=pl.UInt32).alias(f"{source.name}_rank") for source in sources]
    known = pairs.select("user_id", "item_id").unique().join(rows, on="user_id").join(index.positions, on="item_id")
    blank = (
        known.select("user", "item")
        .sort("user", "item")
        .with_columns(
            *ranks,
            fused_score=pl.lit(0.0),
            fused_rank=pl.lit(None, dtype=pl.UInt32),
            n_sources=pl.lit(0, dtype=pl.UInt32),
            propensity=pl.lit(None, dtype=pl.Float64),
        )
    )
    return _finish(blank, index, shard, sources)


def add_pairs(
    candidates: pl.DataFrame, pairs: pl.DataFrame, *, index: ItemIndex, shard: UserShard, sources: Sequence[Source]
) -> pl.DataFrame:
    """candidates, and below them a row of pair_features_for for each of the pairs that is not among them."""
    missing = pairs.join(candidates, on=["user_id", "item_id"], how="anti")
    return pl.concat([candidates, pair_features_for(index, shard, sources=sources, pairs=missing)])


def _finish(rows: pl.DataFrame, index: ItemIndex, shard: UserShard, sources: Sequence[Source]) -> pl.DataFrame:
    """rows (user, item, ...) with the sources' scores and reasons, and with ids in place of positions."""
    pairs = Pairs(rows["user"].cast(pl.Int64).to_numpy(), rows["item"].cast(pl.Int64).to_numpy())
    scores = {f"{source.name}_score": source.score_pairs(shard, pairs).astype(np.float32) for source in sources}
    columns = [name for source in sources for name in (f"{source.name}_score", f"{source.name}_rank")]
    reasons = {
        name: pl.Series(name, [None], dtype=dtype).new_from_index(0, len(pairs))
        for name, dtype in REASON_COLUMNS.items()
    }
    for source in sources:
        if isinstance(source, Aspects | Relations):
            reasons |= {column.name: column for column in source.describe(shard, pairs).get_columns()}
    return rows.with_columns(
        *pl.DataFrame(scores).fill_nan(None).get_columns(),
        *reasons.values(),
        shard.user_ids.gather(rows["user"]).alias("user_id"),
        index.item_ids.gather(rows["item"]).alias("item_id"),
    ).select("user_id", "item_id", "fused_score", "fused_rank", "n_sources", "propensity", *REASON_COLUMNS, *columns)
