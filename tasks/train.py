"""train: holdout candidates, truth -> features (shards) -> gate -> a LambdaMART model, stored as text with its metadata.

Features of users with truth are written as shards, checked by the suite `features`, and joined with the truth of
training and validation users; test users' rows are written for `evaluate` and never learnt from.
Time O(rows x features x trees); memory O(shard) for features and O(labelled rows) for training.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.contracts.context import StepContext
from tasks.contracts.errors import TooFewLabelsError
from tasks.contracts.report import StepReport
from tasks.gates import summarize_features
from tasks.gating import check_suite
from tasks.loading.arrays import load_catalog_arrays, load_facts, load_shard
from tasks.loading.history import make_history
from tasks.loading.truth import read_truth
from tasks.ranking.feature_table import FEATURE_NAMES, FEATURES, SOURCES
from tasks.ranking.features import build_features
from tasks.ranking.model import TrainedRanker, dump_ranker, train_ranker
from tasks.ranking.splits import check_splits, split_of
from tasks.ranking.training_rows import select_training_rows
from warehouse.clock import utc_now
from warehouse.connection import Warehouse, open_warehouse
from warehouse.models import store_model
from warehouse.outputs import latest_output, stage_output


@dataclass(frozen=True)
class LearningRows:
    """Labelled rows by split ("train", "validation"), every user's split, and how many rows were dropped by reason."""

    by_split: dict[str, pl.DataFrame]
    splits: pl.Series
    dropped: Counter[str]


@task(name="train", cache_policy=NO_CACHE)
def train(context: StepContext) -> StepReport:
    """Build features, check them, train and store the ranker.

    With too few labels no model is made and the report says so: `score` then serves the last model, or the fusion.
    """
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        make_history(warehouse, context)
        shards = _write_features(warehouse, context)
        rows = _read_rows(warehouse, context, shards)
        n_rows = sum(frame.height for frame in rows.by_split.values())
        try:
            check_splits(rows.splits)
            blank = _check_features(warehouse, context, shards)
            ranker = train_ranker(
                rows.by_split["train"],
                rows.by_split["validation"],
                config=context.catalog.ranking,
                n_threads=context.threads,
            )
        except TooFewLabelsError as error:
            return StepReport(
                stage="train", catalog=context.catalog.name, rows_in=n_rows, notes=(f"no new model: {error}",)
            )
        model_id = _store(warehouse, context, ranker)
    notes = [
        f"model {model_id}: {ranker.best_iteration} trees from {ranker.n_users} users, validation NDCG@10"
        f" {ranker.validation_ndcg:.3f}; most gain from {', '.join(list(ranker.importances)[:3])}"
    ]
    notes += [f"features without a value in this catalog: {', '.join(blank)}"] if blank else []
    return StepReport(
        stage="train",
        catalog=context.catalog.name,
        rows_in=n_rows,
        rows_out=ranker.n_rows,
        dropped=dict(rows.dropped),
        notes=tuple(notes),
    )


def _write_features(warehouse: Warehouse, context: StepContext) -> list[Path]:
    catalog, ranking = context.catalog, context.catalog.ranking
    arrays = load_catalog_arrays(warehouse, context, is_holdout=True)
    facts = load_facts(warehouse, context, arrays, is_holdout=True)
    with stage_output(warehouse, run_id=context.run_id, catalog=catalog.name, stage="features-holdout") as output:
        for path in latest_output(warehouse, catalog=catalog.name, stage="candidates-holdout", needs="candidates"):
            candidates = pl.read_parquet(path)
            users = candidates["user_id"].unique().sort()
            shard = load_shard(warehouse, context, arrays.index, user_ids=users.to_list(), is_holdout=True)
            features = build_features(
                candidates, catalog=arrays.index, shard=shard, facts=facts, as_of=context.as_of_end
            )
            split = split_of(
                features["user_id"],
                seed=ranking.seed,
                validation_share=ranking.validation_share,
                test_share=ranking.test_share,
            )
            output.write(features.with_columns(split))
    return latest_output(warehouse, catalog=catalog.name, stage="features-holdout", needs="train")


def _read_rows(warehouse: Warehouse, context: StepContext, shards: Sequence[Path]) -> LearningRows:
    by_split: dict[str, list[pl.DataFrame]] = {"train": [], "validation": []}
    splits: list[pl.DataFrame] = []
    dropped: Counter[str] = Counter()
    for path in shards:
        frame = pl.read_parquet(path)
        splits.append(frame.select("user_id", "split").unique())
        for split, kept in by_split.items():
            part = frame.filter(pl.col("split") == split)
            truth = read_truth(warehouse, context, part["user_id"].unique().sort().to_list())
            chosen = select_training_rows(part, truth, seed=context.catalog.ranking.seed)
            kept.append(chosen.frame)
            dropped.update(chosen.dropped)
    return LearningRows({name: pl.concat(kept) for name, kept in by_split.items()}, pl.concat(splits)["split"], dropped)


def _check_features(warehouse: Warehouse, context: StepContext, shards: Sequence[Path]) -> list[str]:
    """Run the suite `features`; the features that have no value at all in this catalog and need not have one."""
    frames = summarize_features((pl.read_parquet(path) for path in shards), dict.fromkeys(FEATURE_NAMES, (None, None)))
    unused = tuple(f"{source}_" for source in SOURCES if source not in context.catalog.candidates.sources)
    optional = [one.name for one in FEATURES if one.known != "always" or (unused and one.name.startswith(unused))]
    is_blank = (pl.col("n_filled") == 0) & pl.col("feature").is_in(optional)
    blank = frames["feature_summary"].filter(is_blank)["feature"].to_list()
    frames["feature_summary"] = frames["feature_summary"].filter(~is_blank)
    check_suite("features", warehouse, context, frames=frames)
    return blank


def _store(warehouse: Warehouse, context: StepContext, ranker: TrainedRanker) -> str:
    text = dump_ranker(ranker)
    metadata = {
        "as_of": context.as_of.isoformat(),
        "params": dict(ranker.params),
        "n_users": ranker.n_users,
        "n_rows": ranker.n_rows,
        "best_iteration": ranker.best_iteration,
        "validation_ndcg@10": ranker.validation_ndcg,
        "feature_names": list(ranker.feature_names),
        "importances": dict(ranker.importances),
        "code_version": context.code_version,
    }
    return store_model(
        warehouse,
        catalog=context.catalog.name,
        text=text,
        metadata=json.dumps(metadata),
        run_id=context.run_id,
        now=utc_now(),
    )
