"""Rankers side by side, each learnt from the same rows: LambdaMART, a linear and a logistic model, LightGBM on yes or no.

The simple ones see each feature in the user's own standard deviations, a missing value as the mean: a line can't learn
to compare within a user by itself. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import lightgbm as lgb
import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge

from tasks.contracts.recommending import RankingConfig
from tasks.experiments.learning_rows import LearningRows
from tasks.ranking.feature_table import FEATURE_NAMES
from tasks.ranking.model import score_rows, train_ranker

FloatVector = NDArray[np.float64]
Ranker = Callable[[LearningRows, RankingConfig, int], FloatVector]
RIDGE = 10.0
MIN_SPREAD = 1e-9


def rank_lambdamart(rows: LearningRows, config: RankingConfig, n_threads: int) -> FloatVector:
    """The product's own ranker. Raises TooFewLabelsError."""
    model = train_ranker(rows.train, rows.validation, config=config, n_threads=n_threads)
    return score_rows(model, rows.test, n_threads=n_threads)


def rank_linear(rows: LearningRows, config: RankingConfig, n_threads: int) -> FloatVector:
    """Ridge regression on the grade."""
    frame = pl.concat([rows.train, rows.validation], how="diagonal_relaxed")
    model = Ridge(alpha=RIDGE).fit(_standard(frame), frame["grade"].to_numpy())
    scores: FloatVector = model.predict(_standard(rows.test))
    return scores


def rank_logistic(rows: LearningRows, config: RankingConfig, n_threads: int) -> FloatVector:
    """Logistic regression on whether the grade is above the mean grade."""
    frame = pl.concat([rows.train, rows.validation], how="diagonal_relaxed")
    wanted = _is_wanted(frame)
    if wanted.all() or not wanted.any():
        return np.zeros(len(rows.test))
    model = LogisticRegression(C=0.1, max_iter=500).fit(_standard(frame), wanted)
    scores: FloatVector = model.decision_function(_standard(rows.test))
    return scores


def rank_binary(rows: LearningRows, config: RankingConfig, n_threads: int) -> FloatVector:
    """LightGBM on whether the grade is above the mean grade, stopped by the validation users: trees without lists."""
    train, validation = (lgb.Dataset(_matrix(of), _is_wanted(of)) for of in (rows.train, rows.validation))
    params = {
        "objective": "binary",
        "learning_rate": config.learning_rate,
        "num_leaves": config.num_leaves,
        "min_data_in_leaf": config.min_data_in_leaf,
        "feature_fraction": 0.5,
        "seed": config.seed,
        "num_threads": n_threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    stop = lgb.early_stopping(config.early_stopping_rounds, verbose=False)
    model = lgb.train(params, train, config.max_rounds, valid_sets=[validation], callbacks=[stop])
    return np.asarray(model.predict(_matrix(rows.test), num_threads=n_threads), dtype=np.float64)


RANKERS: Mapping[str, Ranker] = {
    "linear": rank_linear,
    "logistic": rank_logistic,
    "LightGBM, yes or no": rank_binary,
    "LambdaMART": rank_lambdamart,
}


def _is_wanted(frame: pl.DataFrame) -> NDArray[np.bool_]:
    grades = frame["grade"].to_numpy().astype(np.float64)
    return np.asarray(grades > grades.mean(), dtype=np.bool_)


def _matrix(frame: pl.DataFrame) -> NDArray[np.float32]:
    known = frame.select(pl.col(FEATURE_NAMES).cast(pl.Float32).fill_null(float("nan")))
    return np.asarray(known.to_numpy(), dtype=np.float32)


def _standard(frame: pl.DataFrame) -> NDArray[np.float64]:
    return np.asarray(frame.select(_in_deviations(name) for name in FEATURE_NAMES).to_numpy(), dtype=np.float64)


def _in_deviations(name: str) -> pl.Expr:
    value = pl.col(name).cast(pl.Float64).fill_nan(None)
    spread = value.std(ddof=0).over("user_id")
    centred = value - value.mean().over("user_id")
    return pl.when(spread > MIN_SPREAD).then(centred / spread).otherwise(0.0).fill_null(0.0).alias(name)
