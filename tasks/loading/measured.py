"""The rows of the users who are measured: their candidates with the places that each source gave them, and the model's score.

Reads the shards `features-holdout`, one at a time, and keeps only ids, places and scores of them. Test users are those of
the split, at most MAX_USERS by the hash of the id: an interval from 10,000 users is narrower than .01.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tasks.contracts.context import StepContext
from tasks.evaluation.leakage import FeatureEvidence
from tasks.loading.truth import read_truth
from tasks.ranking.hashing import hash_ids
from tasks.ranking.model import TrainedRanker, score_rows
from tasks.ranking.splits import split_of
from tasks.ranking.training_rows import select_training_rows
from warehouse.connection import Warehouse
from warehouse.outputs import latest_output

MAX_USERS = 10_000
FOLD = 0


@dataclass(frozen=True)
class MeasuredRows:
    """candidates: user_id, item_id, every `<source>_rank`, fused_rank (null: not found by it), score.

    users: ids of the measured users, sorted; n_test_users: of how many. truth: see read_truth. learnt_from: how a user
    was met in training ("train", "validation") to ids. evidence: how well each feature alone tells relevant items.
    """

    candidates: pl.DataFrame
    users: pl.Series
    n_test_users: int
    truth: pl.DataFrame
    learnt_from: dict[str, pl.Series]
    evidence: FeatureEvidence


def read_measured(
    warehouse: Warehouse, context: StepContext, ranker: TrainedRanker, *, max_users: int = MAX_USERS
) -> MeasuredRows:
    """Candidates of test users in fold 0, scored. Needs pair_history.

    Time O(rows of test users x trees); memory O(shard) for features, and O(rows of measured users) for places and scores.
    """
    paths = latest_output(warehouse, catalog=context.catalog.name, stage="features-holdout", needs="train")
    splits = pl.concat([pl.read_parquet(path, columns=["user_id", "fold", "split"]).unique() for path in paths])
    tested = splits.filter((pl.col("split") == "test") & (pl.col("fold") == FOLD))["user_id"].unique().sort()
    users = tested
    if len(tested) > max_users:
        order = pl.DataFrame({"user_id": tested, "place": hash_ids(tested, context.catalog.ranking.seed)})
        users = order.sort("place", "user_id")["user_id"].head(max_users).sort()
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
        n_test_users=len(tested),
        truth=pl.concat(truths),
        learnt_from=_learnt_from(splits, ranker),
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


def _learnt_from(splits: pl.DataFrame, ranker: TrainedRanker) -> dict[str, pl.Series]:
    """Users of whom the shards say that they are for training, and those whom the model's own split put there.

    The second matters where the model is an older one: under another seed it learnt from users who are test users now.
    """
    met = {name: splits.filter(pl.col("split") == name)["user_id"].unique() for name in ("train", "validation")}
    if ranker.split:
        users = splits["user_id"].unique().sort()
        settings = ranker.split
        own = split_of(
            users,
            seed=int(settings["seed"]),
            validation_share=settings["validation_share"],
            test_share=settings["test_share"],
        )
        met |= {f"{name} of the model": users.filter(own == name) for name in ("train", "validation")}
    return met
