"""LambdaMART (Burges, "From RankNet to LambdaRank to LambdaMART", 2010) by LightGBM: training, storing, scoring.

Users are the queries. A model is stored as JSON text that holds LightGBM's own model text; nothing is pickled, so
reading a model runs no code.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import lightgbm as lgb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.errors import StepError, TooFewLabelsError
from tasks.contracts.recommending import RankingConfig
from tasks.ranking.feature_table import DIRECTIONS, FEATURE_NAMES
from tasks.ranking.features import check_features
from tasks.ranking.training_rows import drop_flat_groups

NDCG_CUTOFF = 10
FORMAT = "nightjar-ranker-1"


@dataclass(frozen=True)
class TrainedRanker:
    """A trained model and how it came about.

    best_iteration: number of trees. validation_ndcg: mean NDCG@10 over the validation users' labelled rows before the
    second fit (not comparable with the evaluation's, whose ideal holds all relevant items). n_users, n_rows: those of
    training and validation. importances: total gain by feature, most important first. Training is deterministic: same
    input, same text.
    """

    model_text: str
    feature_names: tuple[str, ...]
    params: Mapping[str, float | int | str | bool]
    best_iteration: int
    validation_ndcg: float
    n_users: int
    n_rows: int
    importances: Mapping[str, float]


def train_ranker(
    train: pl.DataFrame,
    validation: pl.DataFrame,
    *,
    config: RankingConfig,
    n_threads: int = 1,
    feature_names: tuple[str, ...] = FEATURE_NAMES,
) -> TrainedRanker:
    """Learn from train until NDCG@10 on validation stops rising, then again from both with as many trees.

    The second fit matters: users are few and every one of them is a query. Both frames: user_id, item_id, grade (0-3)
    and the features, rows of a user together (see select_training_rows). Users whose rows all have the same grade teach
    nothing and are left out. Raises StepError when no user is left, or when a user is in both frames.
    O(trees * rows * features).
    """
    check_features(train, feature_names)
    shared = train["user_id"].filter(train["user_id"].is_in(validation["user_id"].unique().implode()))
    if len(shared):
        raise StepError(f"user {shared.min()!r} is in training and validation; split users with split_of")
    train, validation = _usable(train, "training"), _usable(validation, "validation")
    params = ranker_params(config, feature_names, n_threads=n_threads)
    rounds, ndcg = _find_rounds(train, validation, params, config=config, feature_names=feature_names)
    both = pl.concat([train, validation], how="diagonal")
    booster = lgb.train(dict(params), _dataset(both, feature_names), num_boost_round=rounds)
    gains = booster.feature_importance("gain")
    order = np.argsort(-gains, kind="stable")
    return TrainedRanker(
        model_text=booster.model_to_string(),
        feature_names=feature_names,
        params=params,
        best_iteration=rounds,
        validation_ndcg=ndcg,
        n_users=both["user_id"].n_unique(),
        n_rows=len(both),
        importances={feature_names[place]: round(float(gains[place]), 4) for place in order},
    )


def ranker_params(
    config: RankingConfig, feature_names: tuple[str, ...], *, n_threads: int
) -> dict[str, float | int | str | bool]:
    """LightGBM's parameters. Gains are 2 ** grade - 1, LightGBM's default and evaluation's.

    Each tree sees half of the users and half of the features, and keeps the features' directions (see feature_table).
    """
    return {
        "objective": "lambdarank",
        "metric": "ndcg",
        "eval_at": str(NDCG_CUTOFF),
        "lambdarank_truncation_level": 2 * NDCG_CUTOFF,
        "learning_rate": config.learning_rate,
        "num_leaves": config.num_leaves,
        "min_data_in_leaf": config.min_data_in_leaf,
        "monotone_constraints": ",".join(str(DIRECTIONS.get(name, 0)) for name in feature_names),
        "feature_fraction": 0.5,
        "bagging_fraction": 0.5,
        "bagging_freq": 1,
        "bagging_by_query": True,
        "lambda_l2": 1.0,
        "deterministic": True,
        "force_row_wise": True,
        "feature_pre_filter": False,
        "num_threads": n_threads,
        "seed": config.seed,
        "verbosity": -1,
    }


def score_rows(ranker: TrainedRanker, features: pl.DataFrame, *, n_threads: int = 1) -> NDArray[np.float64]:
    """The model's score of each row of features; only their order within a user means anything. O(rows * trees)."""
    check_features(features, ranker.feature_names)
    if not len(features):
        return np.empty(0)
    booster = lgb.Booster(model_str=ranker.model_text)
    values = _matrix(features, ranker.feature_names)
    return np.asarray(booster.predict(values, num_threads=n_threads), dtype=np.float64)


def dump_ranker(ranker: TrainedRanker) -> str:
    """The ranker as JSON text."""
    return json.dumps({"format": FORMAT, **asdict(ranker)}, indent=1, ensure_ascii=False)


def load_ranker(text: str) -> TrainedRanker:
    """The ranker of a text that dump_ranker wrote. Raises StepError on anything else."""
    try:
        values = json.loads(text)
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
            raise ValueError("another format")
        if set(values) != {field.name for field in fields(TrainedRanker)}:
            raise ValueError("other fields")
    except ValueError as error:
        raise StepError(f"the text is no ranker of format {FORMAT} ({error}); train the ranker again") from error
    return TrainedRanker(**{**values, "feature_names": tuple(values["feature_names"])})


def _find_rounds(
    train: pl.DataFrame,
    validation: pl.DataFrame,
    params: Mapping[str, float | int | str | bool],
    *,
    config: RankingConfig,
    feature_names: tuple[str, ...],
) -> tuple[int, float]:
    """The number of trees with the best NDCG on validation, and that NDCG."""
    learning = _dataset(train, feature_names)
    history: dict[str, dict[str, list[float]]] = {}
    booster = lgb.train(
        dict(params),
        learning,
        num_boost_round=config.max_rounds,
        valid_sets=[_dataset(validation, feature_names, reference=learning)],
        valid_names=["validation"],
        callbacks=[
            lgb.early_stopping(config.early_stopping_rounds, verbose=False),
            lgb.record_evaluation(history),
        ],
    )
    rounds = int(booster.best_iteration)
    return rounds, history["validation"][f"ndcg@{NDCG_CUTOFF}"][rounds - 1]


def _usable(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    kept = drop_flat_groups(rows)
    if not len(kept):
        raise TooFewLabelsError(
            f"none of the {rows['user_id'].n_unique()} {name} users has labels of two grades;"
            " judge more pairs, give interactions a grade, or raise the split's share in [ranking]"
        )
    return kept


def _dataset(rows: pl.DataFrame, names: tuple[str, ...], reference: lgb.Dataset | None = None) -> lgb.Dataset:
    sizes = rows.group_by("user_id", maintain_order=True).len()["len"].to_numpy()
    if len(sizes) != int((rows["user_id"] != rows["user_id"].shift(1)).fill_null(value=True).sum()):
        raise StepError("rows of a user do not lie together; order them with select_training_rows")
    grades = rows["grade"].to_numpy().astype(np.float32)
    return lgb.Dataset(
        _matrix(rows, names),
        label=grades,
        group=sizes,
        feature_name=list(names),
        reference=reference,
        free_raw_data=True,
    )


def _matrix(rows: pl.DataFrame, names: tuple[str, ...]) -> NDArray[np.float32]:
    return np.asarray(rows.select(pl.col(names).cast(pl.Float32).fill_null(math.nan)).to_numpy(), dtype=np.float32)
