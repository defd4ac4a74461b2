from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tasks.contracts.recommending import RankingConfig
from tasks.ranking import promotion
from tasks.ranking.model import train_ranker
from tasks.ranking.promotion import MIN_USERS, Comparison, Interval, bootstrap, compare, decide_promotion, set_apart

NAMES = ("good", "noise")
CONFIG = RankingConfig(max_rounds=30, early_stopping_rounds=5, min_data_in_leaf=2, num_leaves=4)


def rows(prefix, n_users=20, n_items=12, seed=0, noise=0.5):
    draw = np.random.default_rng(seed)
    size = n_users * n_items
    grades = draw.integers(0, 4, size=size)
    return pl.DataFrame(
        {
            "user_id": np.repeat([f"{prefix}{n:02}" for n in range(n_users)], n_items),
            "item_id": np.tile([f"i{n:02}" for n in range(n_items)], n_users),
            "grade": grades.astype(np.int8),
            "good": (grades + draw.normal(scale=noise, size=size)).astype(np.float32),
            "noise": draw.normal(size=size).astype(np.float32),
        }
    )


COMPARED = rows("c", seed=2)


def train(train_rows=None, **changes):
    learning = rows("t") if train_rows is None else train_rows
    config = CONFIG.model_copy(update=changes)
    return train_ranker(learning, rows("v", seed=1), comparison=COMPARED, config=config, feature_names=NAMES)


@pytest.fixture(scope="module")
def good():
    return train()


@pytest.fixture(scope="module")
def blind():
    """It learnt from a feature that says nothing."""
    return train(rows("t").with_columns(pl.col("good").shuffle(seed=1)), max_rounds=2)


def test_the_first_model_is_promoted(good):
    found = decide_promotion(good, None, COMPARED, config=CONFIG)
    assert (found.is_promoted, found.reason, found.comparison) == (True, "the catalog's first model", None)


def test_a_worse_model_is_kept_back(good, blind):
    found = decide_promotion(blind, good, COMPARED, config=CONFIG)
    assert not found.is_promoted
    assert found.comparison.difference.high < 0
    assert found.comparison.n_users == 20
    assert found.reason.startswith("NDCG@10 -0.")
    assert "against the champion on 20 users" in found.reason


def test_a_better_model_and_one_that_is_no_worse_are_promoted(good, blind):
    assert decide_promotion(good, blind, COMPARED, config=CONFIG).is_promoted
    same = decide_promotion(good, good, COMPARED, config=CONFIG)
    assert same.is_promoted
    assert (same.comparison.difference.low, same.comparison.difference.high) == (0.0, 0.0)


def test_what_is_compared_is_the_audition_not_the_model(good, blind):
    """The served model has learnt from the users of the comparison."""
    disguised = replace(blind, model_texts=good.model_texts)
    assert not decide_promotion(disguised, good, COMPARED, config=CONFIG).is_promoted


@pytest.mark.parametrize(
    ("low", "high", "is_promoted"),
    [(-0.1, -0.01, False), (-0.1, 0.0, True), (-0.1, 0.02, True), (0.01, 0.1, True)],
)
def test_only_a_loss_beyond_doubt_keeps_a_model_back(good, monkeypatch, low, high, is_promoted):
    gap = Interval((low + high) / 2, low, high)
    found = Comparison(20, Interval(0.5, 0.4, 0.6), Interval(0.5, 0.4, 0.6), gap, 0.95)
    monkeypatch.setattr(promotion, "compare", lambda *args, **more: found)
    assert decide_promotion(good, good, COMPARED, config=CONFIG).is_promoted == is_promoted


def test_a_lower_level_keeps_more_models_back(good, blind):
    wide, narrow = (compare(blind, good, COMPARED, level=level, seed=1).difference for level in (0.99, 0.5))
    assert wide.low < narrow.low < narrow.mean < narrow.high < wide.high


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"feature_names": ("good", "gone")}, "it needs features that are no more (gone)"),
        ({"audition_texts": ()}, "it was made by an earlier version"),
        ({"split": {"seed": 8, "validation_share": 0.2, "test_share": 0.25}}, "it was made with other shares"),
    ],
)
def test_where_no_honest_comparison_is_possible_the_new_model_is_promoted(good, blind, change, reason):
    found = decide_promotion(blind, replace(good, **change), COMPARED, config=CONFIG)
    assert found.is_promoted
    assert found.comparison is None
    assert found.reason.startswith("not compared with the champion: ")
    assert reason in found.reason


def test_a_champion_of_other_features_is_scored_by_its_own(good):
    names = (*NAMES, "new")
    more = [frame.with_columns(new=pl.col("good")) for frame in (rows("t"), rows("v", seed=1), COMPARED)]
    challenger = train_ranker(more[0], more[1], comparison=more[2], config=CONFIG, feature_names=names)
    found = decide_promotion(challenger, good, more[2], config=CONFIG)
    alone = compare(good, good, COMPARED, level=0.95, seed=7)
    assert found.comparison.champion.mean == pytest.approx(alone.champion.mean)


def test_half_of_the_validation_users_is_set_apart_whoever_else_is_there():
    validation = rows("v", n_users=60)
    stopping, comparison = set_apart(validation, seed=7)
    assert stopping["user_id"].n_unique() + comparison["user_id"].n_unique() == 60
    assert not set(stopping["user_id"]) & set(comparison["user_id"])
    fewer = validation.filter(pl.col("user_id") < "v50")
    assert set(set_apart(fewer, seed=7)[1]["user_id"]) <= set(comparison["user_id"])


def test_few_validation_users_all_stop_and_none_compares():
    validation = rows("v", n_users=MIN_USERS)
    stopping, comparison = set_apart(validation, seed=7)
    assert stopping.equals(validation)
    assert comparison is None


def test_without_users_to_compare_on_the_new_model_is_promoted(good, blind):
    found = decide_promotion(blind, good, None, config=CONFIG)
    assert found.is_promoted
    assert "fewer than 10 who have labels of two grades" in found.reason


def test_an_interval_covers_the_mean_as_often_as_it_says():
    draw = np.random.default_rng(3)
    samples = draw.normal(size=(200, 40))
    inside = [one.low <= 0 <= one.high for sample in samples for one in bootstrap(sample[:, None], level=0.9, seed=1)]
    assert 0.82 < np.mean(inside) < 0.95


def test_nobody_has_no_interval():
    [found] = bootstrap(np.empty((0, 1)), level=0.95, seed=1)
    assert np.isnan([found.mean, found.low, found.high]).all()
