"""Nightjar's two stages over frames: sources, candidates and features fitted to one part of the ratings, and the ranker.

Everything is computed by tasks.retrieval and tasks.ranking, as `candidates`, `train` and `score` do; only the reading from
the warehouse is replaced. A rating counts as a choice whatever its value, unless `liked` says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.movielens.data import EPOCH, MovieLens
from tasks.contracts.recommending import CandidatesConfig, RankingConfig
from tasks.ranking.features import build_features
from tasks.ranking.hashing import hash_pairs
from tasks.ranking.inputs import ItemFacts, build_item_facts
from tasks.ranking.model import TrainedRanker, score_rows, train_ranker
from tasks.ranking.splits import split_of
from tasks.ranking.training_rows import select_training_rows
from tasks.ranking.truth import merge_truth
from tasks.retrieval.candidates import build_sources, candidates_for_shard, similarity_of
from tasks.retrieval.item_index import ItemIndex, build_item_index, decay_popularity
from tasks.retrieval.source import Source, SourceInputs
from tasks.retrieval.user_shard import UserShard, build_user_shard

LABELS = {"user_id": pl.String, "item_id": pl.String, "truth": pl.String, "grade": pl.Int8}
NO_LABELS = pl.DataFrame(schema={**LABELS, "sampling_probability": pl.Float64})


@dataclass(frozen=True)
class Part:
    """One part of the ratings as the sources and the features know it, as of a time."""

    movielens: MovieLens
    index: ItemIndex
    sources: list[Source]
    facts: ItemFacts
    history: pl.DataFrame
    as_of: datetime
    config: CandidatesConfig


def fit_part(
    movielens: MovieLens,
    ratings: pl.DataFrame,
    *,
    as_of: datetime,
    config: CandidatesConfig,
    vectors: NDArray[np.float32] | None = None,
) -> Part:
    """Index, sources and facts that know these ratings and nothing else. vectors (n, d): of the films, in their order."""
    age = (pl.lit(as_of) - pl.col("occurred_at")).dt.total_seconds() / 86_400.0
    history = ratings.with_columns(age_days=age, weight=pl.lit(1.0)).select(
        "user_id", "item_id", "value", "weight", "age_days"
    )
    items = movielens.items
    popularity = decay_popularity(history, items["item_id"], half_life_days=config.popularity_half_life_days)
    blank = np.zeros((len(items), 2), dtype=np.float32)
    index = build_item_index(items, blank if vectors is None else vectors, popularity=popularity)
    by_segment = (
        history.join(movielens.users, on="user_id")
        .group_by("segment", "item_id")
        .agg(popularity=pl.col("weight").sum())
    )
    inputs = SourceInputs(
        interactions=history,
        segment_popularity=by_segment,
        as_of_day=(as_of - EPOCH) / timedelta(days=1),
    )
    sources = build_sources(index, config, inputs=inputs)
    nothing = pl.DataFrame(schema={"item_id": pl.String, "label": pl.String, "share": pl.Float64})
    facts = build_item_facts(
        index,
        topics=nothing,
        categories=movielens.genres,
        authors=nothing,
        interactions=history,
        neighbours=similarity_of(sources),
        segment_popularity=by_segment,
    )
    return Part(movielens, index, sources, facts, history, as_of, config)


def make_shard(part: Part, user_ids: pl.Series) -> UserShard:
    """The users with their histories of the part."""
    users = part.movielens.users.filter(pl.col("user_id").is_in(user_ids.implode())).sort("user_id")
    profiles = np.zeros((len(users), part.index.vectors.shape[1]), dtype=np.float32)
    return build_user_shard(
        users, profiles, index=part.index, history=part.history, half_life_days=part.config.history_half_life_days
    )


def build_rows(part: Part, user_ids: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(candidates, features) of the users, with candidates from the part's sources; what they rated is left out."""
    shard = make_shard(part, user_ids)
    frame = candidates_for_shard(part.index, shard, sources=part.sources, config=part.config).frame
    features = build_features(frame, catalog=part.index, shard=shard, facts=part.facts, as_of=part.as_of)
    return frame, features


def label_rows(features: pl.DataFrame, held_out: pl.DataFrame, *, fold: int, seed: int) -> pl.DataFrame:
    """The rows that the ranker learns from: candidates, of grade 1 where the user rated them in held_out, else 0."""
    truth = merge_truth(
        labels=NO_LABELS,
        interactions=held_out.select("user_id", "item_id", grade=pl.lit(1)),
        order=("interactions",),
    )
    rows = features.with_columns(fold=pl.lit(fold, dtype=pl.Int32))
    return select_training_rows(rows, truth, seed=seed).frame


def assign_folds(ratings: pl.DataFrame, *, folds: int, share: float, seed: int) -> pl.DataFrame:
    """ratings with a column fold: disjoint parts of floor(n * share) of each user's n ratings, at least one; else null."""
    coins = pl.Series("coin", hash_pairs(ratings["user_id"], ratings["item_id"], seed=seed))
    n_a_fold = pl.max_horizontal((pl.len().over("user_id") * share).floor(), 1)
    fold = ((pl.col("coin").rank("ordinal").over("user_id") - 1) // n_a_fold).cast(pl.Int32)
    kept = (fold < folds) & (pl.len().over("user_id") > 1)
    return ratings.with_columns(coins).with_columns(fold=pl.when(kept).then(fold)).drop("coin")


def learn(rows: Sequence[pl.DataFrame], *, config: RankingConfig, n_threads: int, n_models: int) -> TrainedRanker:
    """LambdaMART from the rows of all folds; a fifth of the users decide how many trees, and then all are learnt from."""
    frame = pl.concat(rows).sort("user_id", "fold", maintain_order=True)
    split = split_of(frame["user_id"], seed=config.seed, validation_share=config.validation_share, test_share=1e-9)
    return train_ranker(
        frame.filter(split == "train"),
        frame.filter(split == "validation"),
        config=config,
        n_threads=n_threads,
        n_models=n_models,
    )


def rank(candidates: pl.DataFrame, scores: NDArray[np.float64], *, k: int) -> pl.DataFrame:
    """The k best candidates of each user: user_id, item_id, rank; equal scores go by the fused rank."""
    scored = candidates.select("user_id", "item_id", "fused_rank").with_columns(pl.Series("score", scores))
    ordered = scored.sort("user_id", "score", "fused_rank", descending=[False, True, False])
    place = pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("user_id")
    return ordered.with_columns(rank=place).filter(pl.col("rank") <= k).select("user_id", "item_id", "rank")


def rank_rows(ranker: TrainedRanker, candidates: pl.DataFrame, features: pl.DataFrame, *, k: int) -> pl.DataFrame:
    """The ranker's lists."""
    return rank(candidates, score_rows(ranker, features), k=k)


def list_source(part: Part, source: Source, user_ids: pl.Series, *, k: int) -> pl.DataFrame:
    """A source's own lists, what the user rated left out: user_id, item_id, rank."""
    shard = make_shard(part, user_ids)
    n_seen = np.diff(shard.seen_indptr)
    found = source.retrieve(shard, k + n_seen)
    users, items = found["user"].cast(pl.Int64).to_numpy(), found["item"].cast(pl.Int64).to_numpy()
    named = found.with_columns(
        shard.user_ids.gather(users).alias("user_id"), part.index.item_ids.gather(items).alias("item_id")
    )
    unseen = named.join(part.history, on=["user_id", "item_id"], how="anti").sort("user_id", "rank")
    place = pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("user_id")
    return unseen.with_columns(rank=place).filter(pl.col("rank") <= k).select("user_id", "item_id", "rank")
