from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from tasks.contracts.errors import StepError
from tasks.contracts.recommending import RankingConfig
from tasks.ranking.model import dump_ranker, load_ranker, score_rows, train_ranker

NAMES = ("good", "noise")
CONFIG = RankingConfig(max_rounds=30, early_stopping_rounds=5, min_data_in_leaf=2, num_leaves=4)


def rows(prefix, n_users=20, n_items=12, seed=0):
    """`good` orders the items by grade, but for some noise; a tenth of it is missing."""
    draw = np.random.default_rng(seed)
    size = n_users * n_items
    grades = draw.integers(0, 4, size=size)
    good = grades + draw.normal(scale=0.3, size=size)
    good[draw.uniform(size=size) < 0.1] = np.nan
    return pl.DataFrame(
        {
            "user_id": np.repeat([f"{prefix}{n:02}" for n in range(n_users)], n_items),
            "item_id": np.tile([f"i{n:02}" for n in range(n_items)], n_users),
            "grade": grades.astype(np.int8),
            "good": good.astype(np.float32),
            "noise": draw.normal(size=size).astype(np.float32),
        }
    )


def train(**more):
    return train_ranker(rows("t"), rows("v", seed=1), config=CONFIG, feature_names=NAMES, **more)


def test_the_ranker_learns_what_orders_the_items():
    ranker = train()
    assert ranker.validation_ndcg > 0.85
    assert next(iter(ranker.importances)) == "good"
    assert (ranker.n_users, ranker.n_rows) == (40, 480)
    assert 1 <= ranker.best_iteration <= 30
    unseen = rows("x", n_users=1, n_items=200, seed=2)
    assert np.corrcoef(score_rows(ranker, unseen), unseen["grade"].to_numpy())[0, 1] > 0.8


def test_training_is_deterministic():
    assert dump_ranker(train()) == dump_ranker(train())


def test_a_model_survives_its_text():
    ranker = train()
    again = load_ranker(dump_ranker(ranker))
    assert again == ranker
    unseen = rows("x", seed=3)
    assert score_rows(again, unseen).tolist() == score_rows(ranker, unseen).tolist()


def test_the_order_of_rows_does_not_change_a_score():
    ranker, unseen = train(), rows("x", seed=3)
    assert score_rows(ranker, unseen.reverse())[::-1].tolist() == score_rows(ranker, unseen).tolist()


@pytest.mark.parametrize("text", ["", "[]", '{"format": "other"}', '{"format": "nightjar-ranker-1", "params": {}}'])
def test_other_texts_are_refused(text):
    with pytest.raises(StepError, match="no ranker of format nightjar-ranker-1"):
        load_ranker(text)


def test_the_text_is_plain_json():
    assert json.loads(dump_ranker(train()))["feature_names"] == list(NAMES)


def test_a_user_in_both_splits_is_refused():
    with pytest.raises(StepError, match="user 't00' is in training and validation"):
        train_ranker(rows("t"), rows("t", seed=1), config=CONFIG, feature_names=NAMES)


def test_labels_of_one_grade_are_refused_with_a_mend():
    flat = rows("t").with_columns(grade=pl.lit(0, dtype=pl.Int8))
    with pytest.raises(StepError, match="none of the 20 training users has labels of two grades; judge more pairs"):
        train_ranker(flat, rows("v"), config=CONFIG, feature_names=NAMES)


def test_missing_features_are_refused():
    with pytest.raises(StepError, match="features lack 'noise'"):
        score_rows(train(), rows("x").drop("noise"))


def test_split_groups_are_refused():
    mixed = rows("t", n_users=2)[list(range(0, 24, 2)) + list(range(1, 24, 2))]
    with pytest.raises(StepError, match="do not lie together"):
        train_ranker(mixed, rows("v"), config=CONFIG, feature_names=NAMES)


def test_no_rows_have_no_scores():
    assert len(score_rows(train(), rows("x").head(0))) == 0


def test_stated_directions_are_kept_against_the_sample():
    """bm25_score falls with the grade here; its direction says that more of it never lowers a score."""
    names = ("bm25_score", "age_days")
    frames = [
        rows(prefix, seed=seed).with_columns(bm25_score=-pl.col("good"), age_days=pl.col("noise"))
        for prefix, seed in (("t", 0), ("v", 1))
    ]
    ranker = train_ranker(*frames, config=CONFIG, feature_names=names)
    steps = pl.DataFrame({"bm25_score": np.linspace(-5, 5, 50), "age_days": np.zeros(50)})
    assert (np.diff(score_rows(ranker, steps)) >= 0).all()
