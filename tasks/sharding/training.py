"""More rows to learn from than one machine should hold: written as parts of whole users, fitted by the workers of a pool.

Reads shards `features-holdout` and truth, one shard at a time; writes parts to the pool's shared folder. Used where a split has
more rows than pool.train_rows; the rows up to that are the sample from which trees and parameters are found.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.sharding import ShardPool
from tasks.loading.holdout_features import fold_of
from tasks.loading.truth import read_truth
from tasks.ranking.dask_ranker import PartOfRows, TrainingRows
from tasks.ranking.feature_table import FEATURE_NAMES
from tasks.ranking.lambdamart import Fit, Parameters, feature_matrix, query_sizes
from tasks.ranking.training_rows import drop_flat_queries, select_training_rows
from tasks.ranking.weights import raw_weights
from tasks.sharding.shared import Shared
from warehouse.connection import Warehouse

LEARNT = ("train", "validation")
KEYS = ("user_id", "fold")


@dataclass(frozen=True)
class SpreadTraining:
    """All rows of training and validation users as parts in the shared folder; see WholeFit of tasks/ranking/model.py."""

    pool: ShardPool
    parts: Sequence[PartOfRows]
    max_grade: int

    @property
    def n_users(self) -> int:
        """Users in all parts; one who is in several folds counts in each."""
        return sum(part.n_users for part in self.parts)

    @property
    def n_rows(self) -> int:
        """Rows in all parts."""
        return sum(part.n_rows for part in self.parts)

    def fit(self, params: Parameters, *, n_trees: int, max_grade: int) -> Fit:
        """So many trees from all parts."""
        most = max(max_grade, self.max_grade)
        made: Fit = self.pool.fit(
            self.parts, load_part, params=params, n_trees=n_trees, max_grade=most, feature_names=FEATURE_NAMES
        )
        return made


def spread_training(
    warehouse: Warehouse, context: StepContext, shards: Sequence[Path], *, pool: ShardPool
) -> SpreadTraining:
    """Write the rows of all shards as parts. Needs pair_history. Time O(rows), memory O(shard)."""
    parts: list[PartOfRows] = []
    total, n_rows, max_grade = 0.0, 0, 0
    for path in shards:
        rows = _rows_of(warehouse, context, path)
        if rows.is_empty():
            continue
        total, n_rows = total + float(rows["weight"].sum()), n_rows + rows.height
        max_grade = max(max_grade, int(rows["grade"].max()))  # type: ignore[arg-type]
        held = io.BytesIO()
        rows.write_parquet(held, compression="lz4")
        where = pool.share(f"{context.catalog.name}/training/{path.name}", held.getbuffer())
        n_queries = rows.select(pl.struct(KEYS).n_unique()).item()
        parts.append(PartOfRows(where, rows.height, n_queries, rows["user_id"].n_unique()))
    mean = str(total / max(1, n_rows))
    return SpreadTraining(pool, [_with_mean(part, mean) for part in parts], max_grade)


def load_part(where: Mapping[str, str]) -> TrainingRows:
    """A part's rows, on the worker that learns from them. Raises StepError where the file is absent or another."""
    rows = pl.read_parquet(Shared(where["shared"]).read(where["name"], sha256=where["sha256"]))
    return TrainingRows(
        values=feature_matrix(rows, FEATURE_NAMES),
        grades=rows["grade"].to_numpy().astype(np.float32),
        weights=(rows["weight"].to_numpy() / float(where["mean_weight"])).astype(np.float32),
        sizes=query_sizes(rows),
    )


def _rows_of(warehouse: Warehouse, context: StepContext, path: Path) -> pl.DataFrame:
    """The rows of a shard as read_rows chooses them, by query, without queries that hold no order."""
    fold = fold_of(path)
    frame = pl.read_parquet(path).filter(pl.col("split").is_in(LEARNT))
    users = frame["user_id"].unique().sort().to_list()
    truth = read_truth(warehouse, context, users, fold=fold)
    chosen = drop_flat_queries(select_training_rows(frame, truth, seed=context.catalog.ranking.seed).frame)
    weighed = chosen.with_columns(raw_weights(chosen, context.catalog.relevance.weights))
    return weighed.select(*KEYS, "grade", "weight", *FEATURE_NAMES).sort(*KEYS, maintain_order=True)


def _with_mean(part: PartOfRows, mean: str) -> PartOfRows:
    return PartOfRows({**part.where, "mean_weight": mean}, part.n_rows, part.n_queries, part.n_users)
