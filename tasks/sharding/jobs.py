"""The work on one shard: a pure function of what all shards share (the kit) and what this one needs (the part).

The same functions run in this process and on workers, which know them by the names in registry.py.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.recommending import CandidatesConfig, RecommendConfig, RuleConfig
from tasks.loading.shard_inputs import ShardInputs, build_shard
from tasks.ranking.arrange import Arrangement, arrange_lists
from tasks.ranking.evidence import OPTIONAL, STRONG_PLACES, EvidenceFinder
from tasks.ranking.features import feature_columns
from tasks.ranking.inputs import ItemFacts
from tasks.ranking.model import TrainedRanker, score_columns, used_by
from tasks.ranking.pair_places import place_pairs
from tasks.ranking.reasons import write_reasons
from tasks.ranking.top_n import list_sources
from tasks.retrieval.candidates import CandidateShard, add_pairs, candidates_for_shard
from tasks.retrieval.item_index import ItemIndex
from tasks.retrieval.source import Source
from tasks.retrieval.user_shard import UserShard
from tasks.serving.lists import COLUMNS, TEMPLATE
from tasks.sharding.registry import MadeShard


@dataclass(frozen=True)
class RetrievalKit:
    """What retrieval needs of the catalog. fold: that whose pairs are unknown to the sources; None: nothing is."""

    index: ItemIndex
    sources: Sequence[Source]
    segment_popularity: pl.DataFrame | None
    config: CandidatesConfig
    rules: Sequence[RuleConfig]
    top_n: int
    fold: int | None = None


@dataclass(frozen=True)
class RetrievalPart:
    """Some users; truth: with a fold the pairs (user_id, item_id) that are to be among the candidates."""

    users: ShardInputs
    truth: pl.DataFrame | None = None


@dataclass(frozen=True)
class RankingKit:
    """What scoring needs of the catalog. ranker None: the order of the fused sources counts.

    cards: what a list shows of each item, in the order of the index.
    aspect_words: item_id, aspect, words; None without the source aspects.
    """

    index: ItemIndex
    facts: ItemFacts
    segment_popularity: pl.DataFrame | None
    ranker: TrainedRanker | None
    cards: pl.DataFrame
    aspect_words: pl.DataFrame | None
    config: RecommendConfig
    catalog: str
    user_space: str
    as_of: date
    as_of_end: datetime
    seed: int
    half_life_days: float


@dataclass(frozen=True)
class RankingPart:
    """Some users and their candidates: the bytes of the Parquet file in which they lie; interests: what users say, by user."""

    users: ShardInputs
    candidates: NDArray[np.uint8]
    interests: Mapping[object, Sequence[str]] = field(default_factory=dict)


def retrieve(kit: RetrievalKit, part: RetrievalPart) -> MadeShard:
    """Candidates of some users. Facts: n_users, n_fewer (than top_n items), n_short, dropped (pairs by reason)."""
    shard = build_shard(part.users, kit.index, half_life_days=kit.config.history_half_life_days)
    found = candidates_for_shard(
        kit.index,
        shard,
        sources=kit.sources,
        config=kit.config,
        rules=kit.rules,
        segment_popularity=kit.segment_popularity,
        top_n=kit.top_n,
    )
    frame = found.frame if kit.fold is None else _with_truth(kit, part, shard, found)
    facts = {
        "n_users": len(shard),
        "n_fewer": int((found.lengths < kit.top_n).sum()),
        "n_short": found.n_short,
        "dropped": dict(found.dropped),
    }
    return MadeShard(frame, facts)


def rank(kit: RankingKit, part: RankingPart) -> MadeShard:
    """The lists of some users: COLUMNS, by user and rank. Facts: candidates, short (lists), unfilled (slots)."""
    shard = build_shard(part.users, kit.index, half_life_days=kit.half_life_days)
    candidates = pl.read_parquet(io.BytesIO(part.candidates.data))
    item_rows = kit.index.locate(candidates["item_id"])
    placed = place_pairs(candidates, user_ids=shard.user_ids, item_rows=item_rows)
    arranged = _arrange(kit, placed, shard)
    facts = {"candidates": candidates.height, "short": arranged.n_short, "unfilled": arranged.n_unfilled}
    return MadeShard(_explain(kit, candidates, arranged.frame, shard, part.interests), facts)


def _with_truth(kit: RetrievalKit, part: RetrievalPart, shard: UserShard, found: CandidateShard) -> pl.DataFrame:
    pairs = part.truth if part.truth is not None else pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String})
    joined = add_pairs(found.frame, pairs, index=kit.index, shard=shard, sources=kit.sources)
    return joined.with_columns(fold=pl.lit(kit.fold, dtype=pl.Int32))


def _arrange(kit: RankingKit, candidates: pl.DataFrame, shard: UserShard) -> Arrangement:
    scores = candidates["fused_score"].cast(pl.Float64)
    if kit.ranker is not None:
        columns = feature_columns(
            candidates,
            catalog=kit.index,
            shard=shard,
            facts=kit.facts,
            as_of=kit.as_of_end,
            names=used_by(kit.ranker),
        )
        # One thread: as many shards are scored at once as there are threads.
        scores = pl.Series(score_columns(kit.ranker, columns, n_rows=candidates.height))
    kept = [name for name in ("fused_rank", "propensity") if name in candidates.columns]
    return arrange_lists(
        candidates.select("user_id", "item_id", "user_row", "item_row", *kept).with_columns(
            scores.alias("score"), candidate_row=pl.int_range(pl.len())
        ),
        catalog=kit.index,
        shard=shard,
        topics=kit.facts.topics,
        config=kit.config,
        seed=kit.seed,
    )


def _explain(
    kit: RankingKit,
    candidates: pl.DataFrame,
    lists: pl.DataFrame,
    shard: UserShard,
    interests: Mapping[object, Sequence[str]],
) -> pl.DataFrame:
    found = [name for name in candidates.columns if name.endswith("_rank") and name != "fused_rank"]
    extra = [name for name in OPTIONAL if name in candidates.columns and name not in (*found, "propensity")]
    top = lists.hstack(candidates.select(*found, *extra)[lists["candidate_row"]])
    top = top.with_columns(list_sources(top.select(found)))
    finder = EvidenceFinder(
        catalog=kit.index,
        shard=shard,
        facts=kit.facts,
        interests=interests,
        aspects=_aspects(kit, top),
        as_of=kit.as_of_end,
    )
    strong = top.with_columns(list_sources(top.select(found), within=STRONG_PLACES))
    reasons = write_reasons(finder.find(strong), verb=kit.config.verb)
    return (
        pl.concat([top, reasons], how="horizontal")
        .with_columns(
            pl.lit(kit.catalog).alias("catalog"),
            pl.lit(kit.user_space).alias("user_space"),
            pl.lit(kit.as_of).alias("as_of"),
            pl.lit(TEMPLATE).alias("reason_source"),
            pl.col("rank").cast(pl.Int32),
        )
        .hstack(kit.cards.drop("item_id")[top["item_row"]])
        .select(COLUMNS)
        .sort("user_id", "rank")
    )


def _aspects(kit: RankingKit, top: pl.DataFrame) -> Mapping[tuple[str, str], str]:
    """What the enrichments say of the items that were found by an aspect."""
    if kit.aspect_words is None or "aspect" not in top.columns:
        return {}
    items = top.filter(pl.col("aspect").is_not_null())["item_id"].unique()
    rows = kit.aspect_words.filter(pl.col("item_id").is_in(items.implode()))
    return {(item, aspect): words for item, aspect, words in rows.select("item_id", "aspect", "words").iter_rows()}
