"""The labelled rows that `train` learns from and the candidates of test users, from the shards that `train` wrote.

Memory O(labelled rows + candidates of test users): an experiment holds what a night streams.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.errors import TooFewLabelsError
from tasks.contracts.hashing import hash_pairs
from tasks.evaluation.baselines import lists_of_sources
from tasks.experiments.setting import Setting
from tasks.loading.history import make_history
from tasks.loading.truth import read_truth
from tasks.ranking.top_n import take_top
from tasks.ranking.training_rows import select_training_rows
from warehouse.outputs import latest_output

DEPTH = 10
PROFILE_SOURCE = "dense_profile"


@dataclass(frozen=True)
class LearningRows:
    """train and validation: see select_training_rows. test: candidates of test users with all features. truth: theirs.

    sources: those that found anything for test users, in the order of their columns.
    """

    train: pl.DataFrame
    validation: pl.DataFrame
    test: pl.DataFrame
    truth: pl.DataFrame
    sources: tuple[str, ...]

    @property
    def n_labels(self) -> int:
        """Labelled rows that a ranker may learn from."""
        return len(self.train) + len(self.validation)

    def keep_share(self, share: float, *, seed: int) -> LearningRows:
        """The same with a share of the labels, by the hash of the pair; a smaller share is part of a larger one."""
        return LearningRows(
            _keep(self.train, share, seed), _keep(self.validation, share, seed), self.test, self.truth, self.sources
        )


def read_learning_rows(setting: Setting) -> LearningRows:
    """Read what `train` wrote last. Raises WarehouseError where it wrote nothing, TooFewLabelsError without test users."""
    context, warehouse = setting.context, setting.warehouse
    make_history(warehouse, context)
    labelled: dict[str, list[pl.DataFrame]] = {"train": [], "validation": []}
    tested: list[pl.DataFrame] = []
    for path in latest_output(warehouse, catalog=setting.catalog, stage="features-holdout", needs="train"):
        frame = pl.read_parquet(path)
        for (fold,), part in frame.group_by("fold", maintain_order=True):
            for split, kept in labelled.items():
                rows = part.filter(pl.col("split") == split)
                users = rows["user_id"].unique().sort().to_list()
                truth = read_truth(warehouse, context, users, fold=int(str(fold)))
                kept.append(select_training_rows(rows, truth, seed=setting.seed).frame)
        tested.append(frame.filter((pl.col("split") == "test") & (pl.col("fold") == 0)))
    ranks = [name for name in frame.columns if name.endswith("_rank")]
    test = pl.concat(tested).with_columns(pl.col(ranks).fill_nan(None)).filter(pl.col("fused_rank").is_not_null())
    if test.is_empty():
        raise TooFewLabelsError(
            f"catalog {setting.catalog!r} has no test user with truth; add users or raise ranking.test_share"
        )
    sources = [name.removesuffix("_rank") for name in ranks if name != "fused_rank" and test[name].count()]
    truth = read_truth(warehouse, context, test["user_id"].unique().sort().to_list(), fold=0)
    of = {split: pl.concat(frames) for split, frames in labelled.items()}
    return LearningRows(of["train"], of["validation"], test, truth, tuple(sources))


def source_lists(rows: LearningRows) -> dict[str, pl.DataFrame]:
    """The list of each source and of the fusion for each test user."""
    return lists_of_sources(rows.test, rows.sources)


def scored_list(rows: LearningRows, scores: NDArray[np.float64], *, depth: int = DEPTH) -> pl.DataFrame:
    """The lists that scores of the test rows make: user_id, item_id, rank."""
    scored = rows.test.select("user_id", "item_id", "fused_rank").with_columns(pl.Series("score", scores))
    return take_top(scored, n=depth).select("user_id", "item_id", "rank")


def _keep(frame: pl.DataFrame, share: float, seed: int) -> pl.DataFrame:
    coins = hash_pairs(frame["user_id"], frame["item_id"], seed=seed + 1).astype(np.float64) / 2.0**64
    return frame.filter(pl.Series(coins < share))
