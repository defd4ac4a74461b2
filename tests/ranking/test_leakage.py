"""From interactions to training rows: nothing that is held out may reach a source, a feature or another split."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from tasks.contracts.recommending import CandidatesConfig
from tasks.ranking.features import build_features
from tasks.ranking.inputs import build_item_facts
from tasks.ranking.splits import split_of
from tasks.ranking.training_rows import select_training_rows
from tasks.ranking.truth import merge_truth
from tasks.retrieval.candidates import build_sources, candidates_for_shard, similarity_of
from tasks.retrieval.item_index import build_item_index, decay_popularity
from tasks.retrieval.source import SourceInputs
from tasks.retrieval.user_shard import build_user_shard

AS_OF = datetime(2026, 1, 31)
LATEST = pl.col("day") >= 9


@pytest.fixture(scope="module")
def world():
    draw = np.random.default_rng(8)
    n_items, n_users = 40, 30
    items = pl.DataFrame(
        {
            "item_id": [f"i{n:02}" for n in range(n_items)],
            "title": [f"title{n % 5}" for n in range(n_items)],
            "text": [f"word{n % 5} word{n % 7}" for n in range(n_items)],
            "published_at": [AS_OF - timedelta(days=n) for n in range(n_items)],
            "is_active": [True] * n_items,
            "group_id": pl.Series([None] * n_items, dtype=pl.String),
        }
    )
    rows = [
        (f"u{user:02}", f"i{item:02}", float(draw.integers(1, 6)), day)
        for user in range(n_users)
        for day, item in enumerate(draw.choice(n_items, size=12, replace=False))
    ]
    ratings = pl.DataFrame(rows, schema=["user_id", "item_id", "value", "day"], orient="row").with_columns(
        event=pl.lit("rating"), occurred_at=pl.lit(AS_OF) - pl.duration(days=30 - pl.col("day"))
    )
    return SimpleNamespace(items=items, vectors=draw.normal(size=(n_items, 6)).astype(np.float32), ratings=ratings)


def run(world, ratings, is_held_out=LATEST):
    """Features and truth of one fold as the steps build them."""
    parts = SimpleNamespace(history=ratings.filter(~is_held_out), held_out=ratings.filter(is_held_out))
    history = parts.history.with_columns(weight=pl.col("value") / 5 - 0.4, age_days=30.0 - pl.col("day"))
    popularity = decay_popularity(history, world.items["item_id"], half_life_days=30.0)
    index = build_item_index(world.items, world.vectors, popularity=popularity)
    config = CandidatesConfig(per_source=15, total=25)
    sources = build_sources(index, config, inputs=SourceInputs(interactions=history))
    blank = pl.DataFrame(schema={"item_id": pl.String, "label": pl.String, "share": pl.Float64})
    facts = build_item_facts(
        index,
        topics=blank,
        categories=blank,
        authors=blank,
        interactions=history,
        neighbours=similarity_of(sources),
    )
    users = pl.DataFrame({"user_id": ratings["user_id"].unique().sort()}).with_columns(profile_text=pl.lit("word1"))
    profiles = np.zeros((len(users), 6), dtype=np.float32)
    shard = build_user_shard(users, profiles, index=index, history=history, half_life_days=30.0)
    frame = candidates_for_shard(index, shard, sources=sources, config=config).frame
    labels = {"user_id": pl.String, "item_id": pl.String, "truth": pl.String, "grade": pl.Int8}
    truth = merge_truth(
        labels=pl.DataFrame(schema={**labels, "sampling_probability": pl.Float64}),
        interactions=parts.held_out.select(
            "user_id", "item_id", grade=pl.when(pl.col("value") >= 4).then(3).otherwise(0)
        ),
        order=("interactions",),
    )
    return build_features(frame, catalog=index, shard=shard, facts=facts, as_of=AS_OF), truth, parts


def test_held_out_interactions_change_no_candidate_and_no_feature(world):
    features, truth, parts = run(world, world.ratings)
    hidden = parts.held_out.select("user_id", "item_id").with_columns(other=pl.lit(1.0))
    changed = world.ratings.join(hidden, on=["user_id", "item_id"], how="left", maintain_order="left").with_columns(
        value=pl.when(pl.col("other").is_not_null()).then(6.0 - pl.col("value")).otherwise(pl.col("value"))
    )
    again, other_truth, _ = run(world, changed.drop("other"))
    assert features.equals(again)
    assert not truth.equals(other_truth)


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_a_pair_of_a_fold_is_in_no_model_and_no_feature_that_scores_the_fold(world, fold):
    """Out-of-fold: whatever became of the fold's pairs, even if they had never been, its rows say the same."""
    is_held_out = pl.col("day") % 4 == fold
    features, truth, _ = run(world, world.ratings, is_held_out)
    assert features["collaborative_score"].is_not_nan().any()
    assert features["popularity_then"].is_not_nan().any()
    assert len(features.join(truth, on=["user_id", "item_id"], how="semi")) > 0
    without, _, _ = run(world, world.ratings.filter(~is_held_out), is_held_out)
    assert features.equals(without)
    others, _, _ = run(world, world.ratings, pl.col("day") % 4 == fold + 1)
    assert not features.equals(others)


def test_held_out_items_can_be_recommended(world):
    features, truth, _ = run(world, world.ratings)
    assert len(features.join(truth, on=["user_id", "item_id"], how="semi")) > 0


def test_history_is_never_recommended(world):
    features, _, parts = run(world, world.ratings)
    assert len(features.join(parts.history, on=["user_id", "item_id"], how="semi")) == 0


def test_rows_of_test_users_never_reach_training(world):
    features, truth, _ = run(world, world.ratings)
    users = features["user_id"].unique().sort()
    splits = pl.DataFrame({"user_id": users, "split": split_of(users, seed=3, validation_share=0.2, test_share=0.3)})
    rows = {
        name: select_training_rows(
            features.join(splits.filter(pl.col("split") == name), on="user_id", how="semi"), truth, seed=1
        ).frame
        for name in ("train", "validation", "test")
    }
    assert sum(len(frame) for frame in rows.values()) > 0
    people = [set(frame["user_id"]) for frame in rows.values()]
    assert not people[0] & people[1]
    assert not people[0] & people[2]
    assert not people[1] & people[2]
