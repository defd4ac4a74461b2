"""LambdaMART (Burges, "From RankNet to LambdaRank to LambdaMART", 2010) by LightGBM: parameters, data sets, fits.

Users are the queries, or users in one fold. Everything is deterministic: the same rows and parameters give the same text,
whatever the number of threads.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

import lightgbm as lgb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.errors import StepError, TooFewLabelsError
from tasks.contracts.recommending import RankingConfig
from tasks.ranking.feature_table import DIRECTIONS
from tasks.ranking.gains import NDCG_CUTOFF, check_grades, label_gains, query_keys
from tasks.ranking.training_rows import drop_flat_queries
from tasks.ranking.tree_scores import add_scores, read_trees

Parameters = Mapping[str, float | int | str | bool]
TRUNCATION = 3 * NDCG_CUTOFF
"""Pairs count when one of the two stands among so many; a few more than the cut-off let items rise into the list."""


SPLITS = "split_feature="
"""What stands before the features of a tree's splits in LightGBM's text."""
BLOCK_ROWS = 8192
COMPILED_FROM = 20_000_000
"""Rows times trees of a shard: LightGBM takes a third of a second for so many."""

Scorer = Callable[[NDArray[np.float32], NDArray[np.float64]], None]
"""Adds the scores of values (used features, rows) to a total (rows,)."""


@dataclass(frozen=True)
class Fit:
    """A fitted model as LightGBM's text, its number of trees, and what each feature gained in all."""

    text: str
    n_trees: int
    gains: NDArray[np.float64]


def ranker_params(
    config: RankingConfig,
    feature_names: tuple[str, ...],
    *,
    n_threads: int,
    extra: Parameters | None = None,
    directions: Mapping[str, int] = DIRECTIONS,
) -> dict[str, float | int | str | bool]:
    """LightGBM's parameters; extra replaces any of them. directions: 1 or -1 by feature, where it has one.

    Each tree sees half of the users and half of the features, and keeps the features' directions (see feature_table).
    Lambdas are not normalised within a query: where relevant items hide among those that count as 0, normalising gives
    the users of whom least is known the most say.
    The gains of grades are fit's: they go with the labels (see label_gains).
    """
    return {
        "objective": "lambdarank",
        "metric": "ndcg",
        "eval_at": str(NDCG_CUTOFF),
        "lambdarank_truncation_level": TRUNCATION,
        "lambdarank_norm": False,
        "learning_rate": config.learning_rate,
        "num_leaves": config.num_leaves,
        "min_data_in_leaf": config.min_data_in_leaf,
        "monotone_constraints": ",".join(str(directions.get(name, 0)) for name in feature_names),
        "feature_fraction": 0.5,
        "bagging_fraction": 0.5,
        "bagging_freq": 1,
        "bagging_by_query": True,
        "lambda_l1": 0.0,
        "lambda_l2": 1.0,
        "deterministic": True,
        "force_row_wise": True,
        "feature_pre_filter": False,
        "num_threads": n_threads,
        "seed": config.seed,
        "verbosity": -1,
        **(extra or {}),
    }


def usable_rows(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """rows, by query, without queries that hold no order. Raises TooFewLabelsError if none is left (of split `name`)."""
    kept = drop_flat_queries(rows)
    if not len(kept):
        raise TooFewLabelsError(
            f"none of the {rows['user_id'].n_unique()} {name} users has labels of two grades;"
            " judge more pairs, give interactions a grade, or raise the split's share in [ranking]"
        )
    return kept


def make_dataset(
    rows: pl.DataFrame, names: tuple[str, ...], *, reference: lgb.Dataset | None = None, is_weighted: bool = True
) -> lgb.Dataset:
    """LightGBM's data set: rows of a query together, grade, perhaps weight (see weigh_rows), and the features.

    Unweighted, NDCG is the plain mean over queries. Raises StepError on rows of a query that do not lie together, on
    grades that are no whole numbers and on weights that are not above 0. A data set may serve several fits, whose
    parameters differ in what shapes trees.
    """
    sizes = query_sizes(rows)
    check_grades(rows["grade"])
    weights = _weights(rows) if is_weighted and "weight" in rows.columns else None
    return lgb.Dataset(
        feature_matrix(rows, names),
        label=rows["grade"].to_numpy().astype(np.float32),
        weight=weights,
        group=sizes,
        feature_name=list(names),
        reference=reference,
        params={"verbosity": -1, "feature_pre_filter": False},
        free_raw_data=True,
    )


def fit_until_best(
    learning: lgb.Dataset, stopping: lgb.Dataset, params: Parameters, *, config: RankingConfig, max_grade: int
) -> Fit:
    """Add trees until NDCG@10 on `stopping` has not risen for early_stopping_rounds; those up to its best stay."""
    booster = lgb.train(
        with_gains(params, max_grade),
        learning,
        num_boost_round=config.max_rounds,
        valid_sets=[stopping],
        valid_names=["validation"],
        callbacks=[lgb.early_stopping(config.early_stopping_rounds, verbose=False)],
    )
    return describe_fit(booster, int(booster.best_iteration))


def fit_trees(learning: lgb.Dataset, params: Parameters, *, n_trees: int, max_grade: int) -> Fit:
    """So many trees. O(n_trees * rows * features)."""
    return describe_fit(lgb.train(with_gains(params, max_grade), learning, num_boost_round=n_trees), n_trees)


def predict(texts: tuple[str, ...], values: NDArray[np.float32], *, n_threads: int) -> NDArray[np.float64]:
    """The mean of the models' scores of each row. O(rows * trees)."""
    total = np.zeros(len(values))
    for text in texts if len(values) else ():
        booster = lgb.Booster(model_str=text)
        total += np.asarray(booster.predict(values, num_threads=n_threads), dtype=np.float64)
    return total / max(1, len(texts))


def used_features(texts: tuple[str, ...], names: tuple[str, ...]) -> frozenset[str]:
    """The names of those features by which a tree of the models splits; the others can have any value."""
    return frozenset(names[place] for place in _used_places(texts))


@lru_cache(maxsize=8)
def _used_places(texts: tuple[str, ...]) -> tuple[int, ...]:
    lines = (line for text in texts for line in text.splitlines() if line.startswith(SPLITS))
    return tuple(sorted({int(place) for line in lines for place in line.removeprefix(SPLITS).split()}))


def predict_columns(
    texts: tuple[str, ...], columns: Mapping[str, NDArray[np.float64]], names: tuple[str, ...], *, n_rows: int
) -> NDArray[np.float64]:
    """What predict gives for the matrix of the columns, to the last bit, on one thread: a block of rows at a time, so that it
    stays in the processor's cache. names: all features, in the models' order. columns: at least used_features. From
    COMPILED_FROM on by tree_scores, if it knows the trees, where what that has to compile is soon made up for. O(rows * trees).
    """
    places = _used_places(texts)
    n_trees = sum(text.count("\nTree=") for text in texts)
    total = np.zeros((len(texts), n_rows))
    is_compiled = n_rows * n_trees >= COMPILED_FROM
    scorers = [_scorer(text, places, len(names), is_compiled=is_compiled) for text in texts]
    values = np.empty((len(places), min(n_rows, BLOCK_ROWS)), dtype=np.float32)
    for start in range(0, n_rows, BLOCK_ROWS):
        block = slice(start, min(start + BLOCK_ROWS, n_rows))
        held = values[:, : block.stop - start]
        for row, place in enumerate(places):
            held[row] = columns[names[place]][block]
        for add, found in zip(scorers, total, strict=True):
            add(held, found[block])
    return sum(total, np.zeros(n_rows)) / max(1, len(texts))


def _scorer(text: str, places: tuple[int, ...], n_features: int, *, is_compiled: bool) -> Scorer:
    trees = read_trees(text, places) if is_compiled else None
    if trees is not None:
        return partial(add_scores, trees)
    booster = lgb.Booster(model_str=text)

    def add(values: NDArray[np.float32], total: NDArray[np.float64]) -> None:
        rows = np.zeros((values.shape[1], n_features), dtype=np.float32)
        rows[:, places] = values.T
        total += booster.predict(rows, num_threads=1)

    return add


def predict_contributions(
    texts: tuple[str, ...], values: NDArray[np.float32], *, n_threads: int
) -> NDArray[np.float64]:
    """(rows, features + 1): what each feature adds to each score, last the score of nothing; rows sum to the scores.

    Exact TreeSHAP (Lundberg et al., "Consistent Individualized Feature Attribution for Tree Ensembles", 2018), by
    LightGBM. O(rows * trees * leaves * depth squared).
    """
    total = np.zeros((len(values), values.shape[1] + 1))
    for text in texts if len(values) else ():
        booster = lgb.Booster(model_str=text)
        total += np.asarray(booster.predict(values, pred_contrib=True, num_threads=n_threads), dtype=np.float64)
    return total / max(1, len(texts))


def feature_matrix(rows: pl.DataFrame, names: tuple[str, ...]) -> NDArray[np.float32]:
    """(rows, features); what is missing is NaN."""
    return np.asarray(rows.select(pl.col(names).cast(pl.Float32).fill_null(math.nan)).to_numpy(), dtype=np.float32)


def query_sizes(rows: pl.DataFrame) -> NDArray[np.int64]:
    """How many rows each query has, in their order. Raises StepError on rows of a query that do not lie together."""
    keys = query_keys(rows)
    sizes = rows.group_by(keys, maintain_order=True).len()["len"].to_numpy().astype(np.int64)
    n_runs = rows.select(pl.struct(keys).rle_id().n_unique()).item()
    if len(sizes) != n_runs:
        raise StepError("rows of a query do not lie together; order them by user_id and fold")
    return sizes


def _weights(rows: pl.DataFrame) -> NDArray[np.float64]:
    """1 on average, whatever the scale: it would shift what lambda_l2 and the least hessian of a leaf mean."""
    weights = rows["weight"].cast(pl.Float64)
    bad = rows.filter(weights.is_null() | weights.is_nan() | (weights <= 0))
    if len(bad):
        user, weight = bad.select("user_id", "weight").row(0)
        raise StepError(f"a row of user {user!r} has weight {weight}; weigh the rows of all splits with weigh_rows")
    values = weights.to_numpy()
    return np.asarray(values / values.mean(), dtype=np.float64)


def with_gains(params: Parameters, max_grade: int) -> dict[str, float | int | str | bool]:
    """The parameters with the gains of grades up to max_grade, at least 3."""
    return {**params, "label_gain": ",".join(f"{gain:.17g}" for gain in label_gains(max(max_grade, 3)))}


def describe_fit(booster: lgb.Booster, n_trees: int, *, feature_names: tuple[str, ...] = ()) -> Fit:
    """The first n_trees of a booster; feature_names: where it was fitted without names."""
    text = booster.model_to_string(num_iteration=n_trees)
    if feature_names:
        text = re.sub(r"(?m)^feature_names=.*$", "feature_names=" + " ".join(feature_names), text, count=1)
    gains = np.asarray(booster.feature_importance("gain", iteration=n_trees), dtype=np.float64)
    # The same trees must have the same text, whoever counted the threads.
    return Fit(re.sub(r"\[num_threads: -?\d+\]", "[num_threads: 0]", text), n_trees, gains)
