"""The ranker: trained once a night, stored as text, read to score. A text is JSON that holds LightGBM's own model texts;
nothing is pickled, so reading a model runs no code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from statistics import fmean
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.errors import StepError
from tasks.contracts.recommending import RankingConfig
from tasks.ranking.feature_table import DIRECTIONS, FEATURE_NAMES
from tasks.ranking.features import check_features, check_names
from tasks.ranking.gains import check_grades, ndcg_by_user
from tasks.ranking.lambdamart import (
    Fit,
    Parameters,
    feature_matrix,
    fit_trees,
    fit_until_best,
    make_dataset,
    predict,
    predict_columns,
    ranker_params,
    usable_rows,
    used_features,
)
from tasks.ranking.training_rows import drop_flat_queries

FORMAT = "nightjar-ranker-2"
FIRST_FORMAT = "nightjar-ranker-1"


@dataclass(frozen=True)
class TrainedRanker:
    """A trained model and how it came about.

    model_texts: what scores, the mean of all. audition_texts: where users of a comparison were set apart, the fits that
    have not met them, by which models are compared; else empty. n_trees: of each model, rounded. validation_ndcg: mean
    NDCG@10 of the first fit over the users that stopped it, so a little too high; not comparable with the evaluation's,
    which lists from all items. n_users, n_rows: those of the models. importances: total gain by feature, most important
    first. split: the settings that say which users an audition has met. Training is deterministic: same input, same text.
    """

    model_texts: tuple[str, ...]
    audition_texts: tuple[str, ...]
    feature_names: tuple[str, ...]
    params: Parameters
    n_trees: int
    validation_ndcg: float
    n_users: int
    n_rows: int
    importances: Mapping[str, float]
    split: Mapping[str, float]


class WholeFit(Protocol):
    """Fits trees to more rows than this process holds; n_users and n_rows count them."""

    @property
    def n_users(self) -> int: ...
    @property
    def n_rows(self) -> int: ...

    def fit(self, params: Parameters, *, n_trees: int, max_grade: int) -> Fit:
        """So many trees from all rows."""
        ...


def train_ranker(
    train: pl.DataFrame,
    validation: pl.DataFrame,
    *,
    config: RankingConfig,
    comparison: pl.DataFrame | None = None,
    n_threads: int = 1,
    feature_names: tuple[str, ...] = FEATURE_NAMES,
    extra: Parameters | None = None,
    directions: Mapping[str, int] = DIRECTIONS,
    n_models: int = 1,
    whole: WholeFit | None = None,
) -> TrainedRanker:
    """Learn from train until NDCG@10 on validation stops rising, then again from all rows with as many trees.

    The second fit matters: users are few and every one of them is a query. All frames: user_id, perhaps fold, item_id,
    grade and the features, perhaps weight, rows of a query together (see select_training_rows, weigh_rows). comparison:
    more users, which the first fit (the audition) never meets. Queries whose rows all have the same grade teach nothing
    and are left out. extra replaces parameters of LightGBM, as found by tune_ranker; directions: see feature_table.
    n_models that differ in their seed are averaged. whole: the second fit from more rows than these, which are a sample
    then. Raises TooFewLabelsError when no user is left, StepError when a user
    is in two frames. O(n_models * trees * rows * features).
    """
    frames = [train, validation, *([comparison] if comparison is not None else [])]
    for frame in frames:
        check_features(frame, feature_names)
    _check_apart(frames)
    learning, stopping = usable_rows(train, "training"), usable_rows(validation, "validation")
    rows = pl.concat([learning, *(drop_flat_queries(frame) for frame in frames[1:])], how="diagonal_relaxed")
    params = ranker_params(config, feature_names, n_threads=n_threads, extra=extra, directions=directions)
    fits = _fit_all(
        learning, stopping, rows, params, config=config, names=feature_names, n_models=n_models, whole=whole
    )
    auditions, models = [one for one, _ in fits], [other for _, other in fits]
    scores = predict(_texts(auditions), feature_matrix(stopping, feature_names), n_threads=n_threads)
    return TrainedRanker(
        model_texts=_texts(models),
        audition_texts=_texts(auditions) if comparison is not None else (),
        feature_names=feature_names,
        params={name: value for name, value in params.items() if name != "num_threads"},
        n_trees=round(fmean(fit.n_trees for fit in models)),
        validation_ndcg=float(ndcg_by_user(stopping, scores)["ndcg"].to_numpy().mean()),
        n_users=whole.n_users if whole else rows["user_id"].n_unique(),
        n_rows=whole.n_rows if whole else len(rows),
        importances=_importances(models, feature_names),
        split=split_settings(config),
    )


def split_settings(config: RankingConfig) -> dict[str, float]:
    """What decides of which users a model may learn: two models with the same settings can be compared."""
    return {"seed": config.seed, "validation_share": config.validation_share, "test_share": config.test_share}


def score_rows(ranker: TrainedRanker, features: pl.DataFrame, *, n_threads: int = 1) -> NDArray[np.float64]:
    """The model's score of each row of features; only their order within a user means anything. O(rows * trees)."""
    check_features(features, ranker.feature_names)
    return predict(ranker.model_texts, feature_matrix(features, ranker.feature_names), n_threads=n_threads)


def used_by(ranker: TrainedRanker) -> frozenset[str]:
    """The names of the features that the ranker's trees ask for."""
    return used_features(ranker.model_texts, ranker.feature_names)


def score_columns(
    ranker: TrainedRanker, columns: Mapping[str, NDArray[np.float64]], *, n_rows: int
) -> NDArray[np.float64]:
    """score_rows of features as they are computed, of which those that no tree asks for may be missing (see used_by)."""
    check_names(columns, tuple(sorted(used_by(ranker))))
    return predict_columns(ranker.model_texts, columns, ranker.feature_names, n_rows=n_rows)


def dump_ranker(ranker: TrainedRanker) -> str:
    """The ranker as JSON text."""
    return json.dumps({"format": FORMAT, **asdict(ranker)}, indent=1, ensure_ascii=False)


def load_ranker(text: str) -> TrainedRanker:
    """The ranker of a text that dump_ranker wrote, now or in its first format. Raises StepError on anything else."""
    try:
        values = json.loads(text)
        found = values.pop("format", None) if isinstance(values, dict) else None
        if found == FIRST_FORMAT:
            values = _from_first_format(values)
        elif found != FORMAT:
            raise ValueError("another format")
        if set(values) != {field.name for field in fields(TrainedRanker)}:
            raise ValueError("other fields")
    except (ValueError, KeyError) as error:
        raise StepError(f"the text is no ranker of format {FORMAT} ({error}); train the ranker again") from error
    lists = ("model_texts", "audition_texts", "feature_names")
    return TrainedRanker(**{**values, **{name: tuple(values[name]) for name in lists}})


def _from_first_format(values: dict[str, Any]) -> dict[str, Any]:
    """One model without an audition, so that nothing can be compared with it."""
    rest = {name: value for name, value in values.items() if name not in ("model_text", "best_iteration")}
    return {
        **rest,
        "model_texts": [values["model_text"]],
        "audition_texts": [],
        "n_trees": values["best_iteration"],
        "split": {},
    }


def _fit_all(
    learning: pl.DataFrame,
    stopping: pl.DataFrame,
    rows: pl.DataFrame,
    params: Parameters,
    *,
    config: RankingConfig,
    names: tuple[str, ...],
    n_models: int,
    whole: WholeFit | None,
) -> list[tuple[Fit, Fit]]:
    """Of each seed the audition, fitted on learning and stopped by stopping, and the model, fitted on all rows."""
    max_grade = check_grades(rows["grade"])
    first = make_dataset(learning, names)
    every = None if whole else make_dataset(rows, names)
    stop = make_dataset(stopping, names, reference=first, is_weighted=False)
    fits = []
    for number in range(n_models):
        seeded = {**params, "seed": int(params["seed"]) + number}
        audition = fit_until_best(first, stop, seeded, config=config, max_grade=max_grade)
        if whole is not None:
            model = whole.fit(seeded, n_trees=audition.n_trees, max_grade=max_grade)
        else:
            model = fit_trees(every, seeded, n_trees=audition.n_trees, max_grade=max_grade)
        fits.append((audition, model))
    return fits


def _check_apart(frames: Sequence[pl.DataFrame]) -> None:
    users = pl.concat([frame.select(pl.col("user_id").unique()) for frame in frames])["user_id"]
    shared = users.filter(users.is_duplicated())
    if len(shared):
        raise StepError(
            f"user {shared.min()!r} is in two of training, validation and comparison; split users with split_of"
        )


def _texts(fits: Sequence[Fit]) -> tuple[str, ...]:
    return tuple(fit.text for fit in fits)


def _importances(fits: Sequence[Fit], names: tuple[str, ...]) -> dict[str, float]:
    gains = np.mean([fit.gains for fit in fits], axis=0)
    return {names[place]: round(float(gains[place]), 4) for place in np.argsort(-gains, kind="stable")}
