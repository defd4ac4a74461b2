"""Search of LambdaMART's parameters by Optuna (Akiba et al., 2019) with TPE (Bergstra et al., "Algorithms for
Hyper-Parameter Optimization", 2011), seeded.

Every trial learns from the training users, stops by the validation users, and is judged by their NDCG@10 against the
ideal of all that is known of them. The first trial is the catalog file's parameters, so that a search never ends below
them. The best of many trials on the same users looks better than it is; promotion looks at other users.

    num_leaves                    4 to 63, log       min_data_in_leaf       5 to 200 (a 20th of the rows, up to 5000), log
    learning_rate                 0.02 to 0.2, log   lambda_l1, lambda_l2   0.001 to 30, log
    feature_fraction              0.3 to 1           bagging_fraction       0.3 to 1
    lambdarank_truncation_level   10 to 60           lambdarank_norm        false, true
    number of trees               by early stopping
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from tasks.contracts.errors import StepError
from tasks.contracts.recommending import RankingConfig
from tasks.ranking.feature_table import FEATURE_NAMES
from tasks.ranking.gains import check_grades, ndcg_by_user
from tasks.ranking.lambdamart import (
    Parameters,
    feature_matrix,
    fit_until_best,
    make_dataset,
    predict,
    ranker_params,
    usable_rows,
)

if TYPE_CHECKING:
    import optuna

Range = tuple[int, int, bool]

FLOATS = {
    "learning_rate": (0.02, 0.2, True),
    "lambda_l1": (0.001, 30.0, True),
    "lambda_l2": (0.001, 30.0, True),
    "feature_fraction": (0.3, 1.0, False),
    "bagging_fraction": (0.3, 1.0, False),
}
SWITCHES = ("lambdarank_norm",)


def integers(n_rows: int) -> dict[str, Range]:
    """Lowest value, highest value, and whether on a log scale, of the whole-numbered parameters for so many rows.

    Leaves of more than a 20th of the rows would leave nothing to split; many rows a user need large ones.
    """
    largest_leaf = min(max(n_rows // 20, 200), 5000)
    return {
        "num_leaves": (4, 63, True),
        "min_data_in_leaf": (5, largest_leaf, True),
        "lambdarank_truncation_level": (10, 60, False),
    }


@dataclass(frozen=True)
class Trial:
    """One set of parameters: its place in the search, mean NDCG@10 over validation users, and trees until its best."""

    number: int
    ndcg: float
    n_trees: int
    params: Parameters


@dataclass(frozen=True)
class Tuning:
    """All trials in order, and how many were asked for: fewer were made if the time was up first."""

    trials: tuple[Trial, ...]
    n_asked: int

    @property
    def best(self) -> Trial:
        """The trial with the highest NDCG, of equal ones the first."""
        return max(self.trials, key=lambda trial: (trial.ndcg, -trial.number))

    @property
    def is_cut_short(self) -> bool:
        """Whether the time bound it: then another night, or a faster machine, may find other parameters."""
        return len(self.trials) < self.n_asked


def tune_ranker(
    train: pl.DataFrame,
    validation: pl.DataFrame,
    *,
    config: RankingConfig,
    n_threads: int = 1,
    feature_names: tuple[str, ...] = FEATURE_NAMES,
) -> Tuning:
    """Try config.tuning_trials sets of parameters; none starts after config.tuning_seconds.

    Frames as train_ranker's. Deterministic where the number of trials binds. Raises StepError if no trial is asked for,
    TooFewLabelsError if there is nothing to learn from. O(trials * trees * rows * features).
    """
    if config.tuning_trials < 1:
        raise StepError("ranking.tuning_trials is 0: there is nothing to tune; take the parameters as they stand")
    learning, stopping = usable_rows(train, "training"), usable_rows(validation, "validation")
    max_grade = check_grades(pl.concat([learning["grade"], stopping["grade"]]))
    first = make_dataset(learning, feature_names)
    stop = make_dataset(stopping, feature_names, reference=first, is_weighted=False)
    values = feature_matrix(stopping, feature_names)
    start = ranker_params(config, feature_names, n_threads=n_threads)
    space = integers(len(learning))
    done: list[Trial] = []

    def evaluate(trial: optuna.Trial) -> float:
        suggested = _suggest(trial, space)
        # The first trial takes the given parameters as they are, also where they lie outside of the search space.
        chosen = suggested if trial.number else {name: start[name] for name in suggested}
        fit = fit_until_best(first, stop, {**start, **chosen}, config=config, max_grade=max_grade)
        per_user = ndcg_by_user(stopping, predict((fit.text,), values, n_threads=n_threads))
        ndcg = float(per_user["ndcg"].to_numpy().mean())
        done.append(Trial(trial.number, ndcg, fit.n_trees, chosen))
        return ndcg

    _search(evaluate, _into_space(start, space), config)
    return Tuning(tuple(done), config.tuning_trials)


def _search(
    evaluate: Callable[[optuna.Trial], float], first: Mapping[str, float | bool], config: RankingConfig
) -> None:
    import optuna

    with _quiet():
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=config.seed))
        study.enqueue_trial(dict(first))
        study.optimize(evaluate, n_trials=config.tuning_trials, timeout=config.tuning_seconds)


def _suggest(trial: optuna.Trial, space: Mapping[str, Range]) -> dict[str, float | int | str | bool]:
    whole = {name: trial.suggest_int(name, low, high, log=log) for name, (low, high, log) in space.items()}
    real = {name: trial.suggest_float(name, low, high, log=log) for name, (low, high, log) in FLOATS.items()}
    switched = {name: trial.suggest_categorical(name, [False, True]) for name in SWITCHES}
    return {**whole, **real, **switched}


def _into_space(params: Parameters, space: Mapping[str, Range]) -> dict[str, float | bool]:
    """The nearest point of the search space, from which TPE learns."""
    whole = {name: min(max(int(params[name]), low), high) for name, (low, high, _) in space.items()}
    real = {name: min(max(float(params[name]), low), high) for name, (low, high, _) in FLOATS.items()}
    return {**whole, **real, **{name: bool(params[name]) for name in SWITCHES}}


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna prints a line a trial by default; what it says outside of this block stays as it was."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
