"""The rows that a ranker learns from: features-holdout joined with truth, for users of training and validation.

Test users' truth is never read. Memory O(MAX_ROWS + one shard), whatever the number of users.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from tasks.contracts.context import StepContext
from tasks.loading.holdout_features import fold_of
from tasks.loading.truth import read_truth
from tasks.ranking.hashing import hash_ids
from tasks.ranking.training_rows import select_training_rows
from tasks.ranking.weights import weigh_rows
from warehouse.connection import Warehouse

MAX_ROWS: Mapping[str, int] = {"train": 2_000_000, "validation": 500_000}
"""By split. Two million rows of 60 features are half a gigabyte, and far beyond where more users teach more."""


@dataclass(frozen=True)
class LearningRows:
    """Rows of train_ranker by split, weighed; every user's split, test users' too; how many rows were dropped, by reason."""

    train: pl.DataFrame
    validation: pl.DataFrame
    splits: pl.Series
    dropped: Mapping[str, int]

    @property
    def n_rows(self) -> int:
        """Of both splits."""
        return self.train.height + self.validation.height


def read_rows(
    warehouse: Warehouse, context: StepContext, shards: Sequence[Path], *, max_rows: Mapping[str, int] = MAX_ROWS
) -> LearningRows:
    """Select, join and weigh the rows of all shards of features. Needs pair_history.

    Of a split with more than max_rows rows whole users stay, by hash, the same ones whatever the order of the shards.
    """
    seed = context.catalog.ranking.seed
    parts = {name: _Sample(limit, seed) for name, limit in max_rows.items()}
    splits: list[pl.DataFrame] = []
    dropped: Counter[str] = Counter()
    for path in shards:
        frame = pl.read_parquet(path)
        splits.append(frame.select("user_id", "split").unique())
        for split, sample in parts.items():
            part = frame.filter(pl.col("split") == split)
            users = part["user_id"].unique().sort().to_list()
            chosen = select_training_rows(part, read_truth(warehouse, context, users, fold=fold_of(path)), seed=seed)
            sample.add(chosen.frame)
            dropped.update(chosen.dropped)
    dropped["beyond_row_limit"] = sum(sample.n_dropped for sample in parts.values())
    weights = context.catalog.relevance.weights
    by_split = {name: weigh_rows(sample.rows(), weights) for name, sample in parts.items()}
    users_of = pl.concat(splits).unique().sort("user_id")["split"]
    return LearningRows(by_split["train"], by_split["validation"], users_of, dict(dropped))


class _Sample:
    """Whole users, those with the lowest hashes, so many that at most `limit` rows are held.

    The threshold is halved when there are more, until they fit: it depends on all rows together, not on their order.
    """

    def __init__(self, limit: int, seed: int) -> None:
        self.n_dropped = 0
        self._limit, self._seed, self._below = limit, seed, 1.0
        self._parts: list[pl.DataFrame] = []

    def add(self, frame: pl.DataFrame) -> None:
        """Take the rows of users who are in the sample so far."""
        self._parts.append(self._cut(frame))
        while sum(part.height for part in self._parts) > self._limit:
            self._below /= 2
            self._parts = [self._cut(part) for part in self._parts]

    def rows(self) -> pl.DataFrame:
        """All of them; rows of a query together, in the order that they had."""
        return pl.concat(self._parts).sort("user_id", "fold", maintain_order=True)

    def _cut(self, frame: pl.DataFrame) -> pl.DataFrame:
        if self._below == 1.0:
            return frame
        # Another seed than the split's: a split is itself a range of hashes.
        place = hash_ids(frame["user_id"], self._seed + 1).astype(np.float64) / 2.0**64
        kept = frame.filter(pl.Series(place < self._below))
        self.n_dropped += frame.height - kept.height
        return kept
