from __future__ import annotations

import subprocess
import sys

import numpy as np
import optuna
import polars as pl
import pytest

from tasks.contracts.errors import StepError, TooFewLabelsError
from tasks.contracts.recommending import RankingConfig
from tasks.ranking.model import train_ranker
from tasks.ranking.tuning import FLOATS, Trial, Tuning, integers, tune_ranker

NAMES = ("good", "noise")
CONFIG = RankingConfig(
    max_rounds=8, early_stopping_rounds=4, min_data_in_leaf=2, num_leaves=2, learning_rate=0.01, tuning_trials=6
)


def rows(prefix, seed, n_users=20, n_items=12):
    draw = np.random.default_rng(seed)
    size = n_users * n_items
    grades = draw.integers(0, 4, size=size)
    return pl.DataFrame(
        {
            "user_id": np.repeat([f"{prefix}{n:02}" for n in range(n_users)], n_items),
            "item_id": np.tile([f"i{n:02}" for n in range(n_items)], n_users),
            "grade": grades.astype(np.int8),
            "good": (grades + draw.normal(scale=1.0, size=size)).astype(np.float32),
            "noise": draw.normal(size=size).astype(np.float32),
        }
    )


def tune(**changes):
    config = CONFIG.model_copy(update=changes)
    return tune_ranker(rows("t", 0), rows("v", 1), config=config, feature_names=NAMES)


def test_the_search_starts_from_the_given_parameters_and_ends_no_worse():
    found = tune()
    first = found.trials[0]
    assert first.params["num_leaves"] == 2  # outside of the space that is searched
    assert first.params["lambda_l1"] == 0.0
    assert found.best.ndcg >= first.ndcg
    assert len({repr(trial.params) for trial in found.trials}) == 6
    ranker = train_ranker(rows("t", 0), rows("v", 1), config=CONFIG, feature_names=NAMES)
    assert first.ndcg == pytest.approx(ranker.validation_ndcg)
    assert first.n_trees == ranker.n_trees


def test_the_best_parameters_give_the_best_model():
    best = tune().best
    ranker = train_ranker(rows("t", 0), rows("v", 1), config=CONFIG, feature_names=NAMES, extra=best.params)
    assert ranker.validation_ndcg == pytest.approx(best.ndcg)
    assert ranker.params["num_leaves"] == best.params["num_leaves"]


def test_a_search_by_count_is_repeatable_and_follows_the_seed():
    assert tune() == tune()
    assert tune(seed=8).trials[1].params != tune().trials[1].params


def test_tried_parameters_lie_in_the_space():
    for trial in tune().trials[1:]:
        assert all(low <= trial.params[name] <= high for name, (low, high, _) in {**integers(240), **FLOATS}.items())
        assert trial.params["lambdarank_norm"] in (False, True)


def test_leaves_may_be_larger_where_rows_are_many():
    assert [integers(n)["min_data_in_leaf"][1] for n in (100, 20_000, 10**7)] == [200, 1000, 5000]


def test_no_trial_starts_when_the_time_is_up():
    found = tune(tuning_seconds=1e-6)
    assert len(found.trials) < 6
    assert found.is_cut_short
    assert not tune().is_cut_short


def test_of_equal_trials_the_first_is_the_best():
    trials = tuple(Trial(number, ndcg, 1, {}) for number, ndcg in enumerate((0.5, 0.7, 0.7)))
    assert Tuning(trials, 3).best.number == 1


def test_the_ideal_holds_what_is_no_row():
    plain = tune(tuning_trials=1).best.ndcg
    more = rows("v", 1).with_columns(ideal_dcg=pl.lit(100.0))
    config = CONFIG.model_copy(update={"tuning_trials": 1})
    assert tune_ranker(rows("t", 0), more, config=config, feature_names=NAMES).best.ndcg < plain / 2


def test_optuna_is_quiet_here_and_as_before_elsewhere(capfd: pytest.CaptureFixture[str]):
    before = optuna.logging.get_verbosity()
    tune(tuning_trials=2)
    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == before


def test_nothing_to_tune_is_said():
    with pytest.raises(StepError, match="tuning_trials is 0: there is nothing to tune"):
        tune(tuning_trials=0)
    flat = rows("v", 1).with_columns(grade=pl.lit(1, dtype=pl.Int8))
    with pytest.raises(TooFewLabelsError, match="none of the 20 validation users"):
        tune_ranker(rows("t", 0), flat, config=CONFIG, feature_names=NAMES)


def test_optuna_and_matplotlib_are_imported_only_where_they_are_used():
    heavy = "{'optuna', 'matplotlib'}"
    program = f"import sys, tasks.ranking.tuning, tasks.ranking.model, tasks.ranking.model_card; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
