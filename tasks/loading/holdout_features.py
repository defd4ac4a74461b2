"""Features of users with truth, as each fold's sources saw them. Reads candidates-holdout, writes features-holdout.

Time O(rows x features), memory O(catalog + one shard).
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import polars as pl

from tasks.contracts.context import StepContext
from tasks.loading.arrays import FOR_FEATURES, CatalogArrays, load_catalog_arrays, load_facts, load_shard
from tasks.ranking.features import build_features
from tasks.ranking.inputs import ItemFacts
from tasks.ranking.splits import split_of
from warehouse.connection import Warehouse
from warehouse.outputs import latest_output, stage_output

STAGE = "features-holdout"


def write_features(warehouse: Warehouse, context: StepContext) -> list[Path]:
    """A shard of features for each shard of candidates, with the columns fold and split. Needs pair_history."""
    catalog = context.catalog
    shards = latest_output(warehouse, catalog=catalog.name, stage="candidates-holdout", needs="candidates")
    with stage_output(warehouse, run_id=context.run_id, catalog=catalog.name, stage=STAGE) as output:
        arrays: CatalogArrays | None = None
        for fold, paths in groupby(shards, key=fold_of):
            arrays = load_catalog_arrays(warehouse, context, fold=fold, only=FOR_FEATURES, known=arrays)
            facts = load_facts(warehouse, context, arrays, fold=fold)
            for path in paths:
                output.write(_build_shard(warehouse, context, pl.read_parquet(path), arrays, facts, fold=fold))
    return latest_output(warehouse, catalog=catalog.name, stage=STAGE, needs="train")


def fold_of(path: Path) -> int:
    """The fold of a shard's rows: a shard holds one; an empty one counts as fold 0."""
    first = pl.read_parquet(path, columns=["fold"], n_rows=1)["fold"]
    return int(first[0]) if len(first) else 0


def _build_shard(
    warehouse: Warehouse,
    context: StepContext,
    candidates: pl.DataFrame,
    arrays: CatalogArrays,
    facts: ItemFacts,
    *,
    fold: int,
) -> pl.DataFrame:
    ranking = context.catalog.ranking
    users = candidates["user_id"].unique().sort()
    shard = load_shard(warehouse, context, arrays.index, user_ids=users.to_list(), fold=fold)
    features = build_features(candidates, catalog=arrays.index, shard=shard, facts=facts, as_of=context.as_of_end)
    split = split_of(
        features["user_id"],
        seed=ranking.seed,
        validation_share=ranking.validation_share,
        test_share=ranking.test_share,
    )
    return features.with_columns(pl.lit(fold, dtype=pl.Int32).alias("fold"), split)
