"""The rows of the users who are measured: their candidates with the places that each source gave them, and the model's score.

Reads the shards `features-holdout`, one at a time, and keeps only ids, places and scores of them. Test users are those of
the split, at most MAX_USERS by the hash of the id: an interval from 10,000 users is narrower than .01.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tasks.contracts.context import StepContext
from tasks.evaluation.leakage import FeatureEvidence, find_shared_users
from tasks.loading.truth import read_truth
from tasks.ranking.hashing import hash_ids
from tasks.ranking.model import TrainedRanker, score_rows
from tasks.ranking.splits import split_of
from tasks.ranking.training_rows import select_training_rows
from warehouse.connection import Warehouse
from warehouse.outputs import latest_output

MAX_USERS = 10_000
FOLD = 0
LEARNT = ("train", "validation")


@dataclass(frozen=True)
class MeasuredRows:
    """candidates: user_id, item_id, every `<source>_rank`, fused_rank (null: not found by it), score.

    users: ids of the measured users, sorted; n_test_users: of how many. truth: see read_truth. shared_users: user_id and
    met_as of those among them whom the model learnt from. evidence: how well each feature alone tells relevant items.
    """

    candidates: pl.DataFrame
    users: pl.Series
    n_test_users: int
    truth: pl.DataFrame
    shared_users: pl.DataFrame
    evidence: FeatureEvidence


def read_measured(
    warehouse: Warehouse, context: StepContext, ranker: TrainedRanker, *, max_users: int = MAX_USERS
) -> MeasuredRows:
    """Candidates of test users in fold 0, scored. Needs pair_history.

    Time O(rows of test users x trees); memory O(shard) for features, and O(rows of measured users) for places and scores.
    """
    paths = latest_output(warehouse, catalog=context.catalog.name, stage="features-holdout", needs="train")
    users, n_test_users = _choose_users(paths, seed=context.catalog.ranking.seed, max_users=max_users)
    evidence = FeatureEvidence(ranker.feature_names)
    parts: list[pl.DataFrame] = []
    truths: list[pl.DataFrame] = []
    for path in paths:
        rows = pl.read_parquet(path).filter((pl.col("fold") == FOLD) & pl.col("user_id").is_in(users.implode()))
        own = rows["user_id"].unique().sort().to_list()
        truth = read_truth(warehouse, context, own, fold=FOLD)
        _gather(evidence, rows, truth, context)
        parts.append(_score(rows, ranker, n_threads=context.threads))
        truths.append(truth)
    return MeasuredRows(
        candidates=pl.concat(parts, how="diagonal_relaxed"),
        users=users,
        n_test_users=n_test_users,
        truth=pl.concat(truths),
        shared_users=_find_shared(paths, users, ranker),
        evidence=evidence,
    )


def _score(rows: pl.DataFrame, ranker: TrainedRanker, *, n_threads: int) -> pl.DataFrame:
    """Only candidates: a labelled pair that no source found can't be recommended."""
    ranks = [name for name in rows.columns if name.endswith("_rank")]
    candidates = rows.with_columns(pl.col(ranks).fill_nan(None)).filter(pl.col("fused_rank").is_not_null())
    scores = pl.Series("score", score_rows(ranker, candidates, n_threads=n_threads), dtype=pl.Float64)
    return candidates.select("user_id", "item_id", *ranks).with_columns(scores)


def _gather(evidence: FeatureEvidence, rows: pl.DataFrame, truth: pl.DataFrame, context: StepContext) -> None:
    """Features are held against labels on rows chosen as those for training are."""
    if truth.is_empty():
        return
    chosen = select_training_rows(rows, truth, seed=context.catalog.ranking.seed).frame
    relevant = pl.col("grade") >= context.catalog.relevance.relevant_grade
    evidence.add(chosen.select("user_id", relevant.alias("is_relevant"), *evidence.features))


def _choose_users(paths: Sequence[Path], *, seed: int, max_users: int) -> tuple[pl.Series, int]:
    """The test users of fold 0 with the lowest hashes, sorted, and how many test users there are."""
    kept = pl.DataFrame(schema={"user_id": pl.String, "place": pl.UInt64})
    n_users = 0
    for path in paths:
        rows = pl.read_parquet(path, columns=["user_id", "fold", "split"])
        own = rows.filter((pl.col("split") == "test") & (pl.col("fold") == FOLD))["user_id"].unique()
        n_users += len(own)
        placed = pl.DataFrame({"user_id": own}).with_columns(pl.Series("place", hash_ids(own, seed), dtype=pl.UInt64))
        kept = pl.concat([kept, placed]).sort("place", "user_id").head(max_users)
    return kept["user_id"].sort(), n_users


def _find_shared(paths: Sequence[Path], users: pl.Series, ranker: TrainedRanker) -> pl.DataFrame:
    """Measured users whom the shards put into training too, and those whom the model's own split put there.

    The second matters where the model is an older one: under another seed it learnt from users who are test users now.
    """
    found = []
    for path in paths:
        rows = pl.read_parquet(path, columns=["user_id", "split"])
        met = {name: rows.filter(pl.col("split") == name)["user_id"] for name in LEARNT}
        found.append(find_shared_users(users, met))
    if ranker.split:
        settings = ranker.split
        own = split_of(
            users,
            seed=int(settings["seed"]),
            validation_share=settings["validation_share"],
            test_share=settings["test_share"],
        )
        found.append(find_shared_users(users, {f"{name} of the model": users.filter(own == name) for name in LEARNT}))
    return pl.concat(found).unique().sort("user_id", "met_as")
