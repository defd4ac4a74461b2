from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import polars as pl
import pytest

from tasks.contracts.errors import StepError
from tasks.contracts.recommending import RankingConfig
from tasks.ranking.gains import ndcg_by_user
from tasks.ranking.model import dump_ranker, load_ranker, score_columns, score_rows, train_ranker, used_by
from tasks.ranking.training_rows import select_training_rows
from tasks.ranking.weights import weigh_rows

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
    assert 1 <= ranker.n_trees <= 30
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
    with pytest.raises(StepError, match="no ranker of format nightjar-ranker-2"):
        load_ranker(text)


def test_the_text_is_plain_json():
    assert json.loads(dump_ranker(train()))["feature_names"] == list(NAMES)


def test_a_user_in_both_splits_is_refused():
    with pytest.raises(StepError, match="user 't00' is in two of training, validation and comparison"):
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
    free = train_ranker(*frames, config=CONFIG, feature_names=names, directions={})
    assert (np.diff(score_rows(free, steps)) < 0).any()


def test_threads_do_not_change_the_model():
    assert dump_ranker(train(n_threads=2)) == dump_ranker(train(n_threads=1))


def test_a_model_of_the_first_format_still_scores():
    ranker = train()
    values = asdict(ranker)
    first = {
        **{
            name: value
            for name, value in values.items()
            if name not in {"model_texts", "audition_texts", "n_trees", "split"}
        },
        "format": "nightjar-ranker-1",
        "model_text": ranker.model_texts[0],
        "best_iteration": ranker.n_trees,
    }
    again = load_ranker(json.dumps(first))
    unseen = rows("x", seed=3)
    assert score_rows(again, unseen).tolist() == score_rows(ranker, unseen).tolist()
    assert again.audition_texts == ()


def test_the_audition_never_meets_users_of_the_comparison():
    compared = train(comparison=rows("c", seed=4))
    other = train(comparison=rows("c", seed=4).with_columns(grade=3 - pl.col("grade")))
    assert compared.audition_texts == other.audition_texts
    assert compared.model_texts != other.model_texts
    assert compared.n_users == 60
    assert train().audition_texts == ()


def test_several_seeds_are_averaged():
    ranker, unseen = train(n_models=2), rows("x", seed=3)
    single = train()
    assert len(set(ranker.model_texts)) == len(ranker.model_texts) == 2
    assert ranker.model_texts[0] == single.model_texts[0]
    other = replace(single, model_texts=ranker.model_texts[1:])
    mean = (score_rows(single, unseen) + score_rows(other, unseen)) / 2
    assert np.allclose(score_rows(ranker, unseen), mean)


def in_folds(frame):
    """Each user's rows in two folds, which are two queries."""
    return frame.with_columns(fold=(pl.int_range(pl.len()) % 2).over("user_id")).sort(
        "user_id", "fold", maintain_order=True
    )


def test_a_users_folds_are_queries_of_their_own():
    ranker = train_ranker(in_folds(rows("t")), in_folds(rows("v", seed=1)), config=CONFIG, feature_names=NAMES)
    assert ranker.n_users == 40
    mixed = in_folds(rows("t")).sort("user_id", "item_id")
    with pytest.raises(StepError, match="rows of a query do not lie together; order them by user_id and fold"):
        train_ranker(mixed, in_folds(rows("v")), config=CONFIG, feature_names=NAMES)


def test_more_than_ten_thousand_rows_of_a_user_are_learnt_from_after_the_cut():
    n_rows = 12_000
    draw = np.random.default_rng(5)
    grades = np.where(draw.uniform(size=n_rows) < 0.01, 3, 0)
    features = pl.DataFrame(
        {
            "user_id": ["big"] * n_rows,
            "item_id": [f"i{n:05}" for n in range(n_rows)],
            "fused_rank": np.arange(1.0, n_rows + 1),
            "good": grades + draw.normal(scale=0.3, size=n_rows),
            "noise": draw.normal(size=n_rows),
        }
    )
    truth = pl.DataFrame(
        {
            "user_id": "big",
            "item_id": features["item_id"],
            "grade": grades.astype(np.int8),
            "truth": "interactions",
            "sampling_probability": 1.0,
            "has_interaction": True,
        }
    )
    chosen = select_training_rows(features, truth, seed=1)
    weighed = weigh_rows(chosen.frame, {})
    ranker = train_ranker(weighed, weighted(rows("v", seed=1), 1.0), config=CONFIG, feature_names=NAMES)
    assert ranker.n_rows == 10_000 + 240
    assert weighed.filter(pl.col("grade") == 3).height == (grades == 3).sum()


def test_grades_up_to_40_are_learnt():
    draw = np.random.default_rng(6)

    def wide(frame):
        grades = draw.integers(0, 41, size=len(frame))
        return frame.with_columns(grade=pl.Series(grades), good=pl.Series(grades + draw.normal(size=len(frame))))

    ranker = train_ranker(wide(rows("t")), wide(rows("v")), config=CONFIG, feature_names=NAMES)
    unseen = wide(rows("x"))
    assert ndcg_by_user(unseen, score_rows(ranker, unseen))["ndcg"].mean() > 0.9


def weighted(frame, weight):
    return frame.with_columns(weight=pl.lit(weight))


def test_weights_decide_between_labels_that_contradict_each_other():
    """Half of the users want what the other half does not; in the model the half with more weight wins."""
    dislikes = rows("u").with_columns(grade=3 - pl.col("grade"))
    unseen = rows("x", seed=3)

    def learnt(likes_weigh):
        train = pl.concat([weighted(rows("t"), likes_weigh), weighted(dislikes, 1.0)])
        stop = weighted(rows("v", seed=1), 1e-6)
        ranker = train_ranker(train, stop, config=CONFIG, feature_names=NAMES)
        return np.corrcoef(score_rows(ranker, unseen), unseen["grade"].to_numpy())[0, 1]

    assert learnt(10.0) > 0.6
    assert learnt(0.1) < -0.3


def test_a_row_without_a_weight_among_rows_with_one_is_refused():
    with pytest.raises(StepError, match="a row of user 'v00' has weight None; weigh the rows of all splits"):
        train_ranker(weighted(rows("t"), 2.0), rows("v"), config=CONFIG, feature_names=NAMES)


def test_only_the_ratio_of_weights_counts():
    weight = pl.Series("weight", np.random.default_rng(7).uniform(0.5, 2.0, size=240), dtype=pl.Float32)
    one, other = (
        train_ranker(
            rows("t").with_columns(weight * scale),
            weighted(rows("v", seed=1), scale),
            config=CONFIG,
            feature_names=NAMES,
        ).model_texts
        for scale in (1.0, 4.0)
    )
    assert one == other


def test_parameters_can_be_replaced():
    ranker = train(extra={"num_leaves": 2, "lambdarank_truncation_level": 12})
    assert ranker.params["num_leaves"] == 2
    assert "[num_leaves: 2]" in ranker.model_texts[0]
    assert "[lambdarank_truncation_level: 12]" in ranker.model_texts[0]


def test_columns_that_no_tree_asks_for_do_not_matter() -> None:
    learning, stopping, unseen = (
        rows(prefix, seed=seed).with_columns(blank=pl.lit(None, dtype=pl.Float32))
        for seed, prefix in enumerate(("t", "v", "x"))
    )
    ranker = train_ranker(learning, stopping, config=CONFIG, feature_names=("good", "blank", "noise"))
    expected = score_rows(ranker, unseen)
    used = used_by(ranker)
    assert used == {"good", "noise"}
    columns = {name: unseen[name].to_numpy().astype(np.float64) for name in used}
    assert score_columns(ranker, columns, n_rows=len(unseen)).tolist() == expected.tolist()
    with pytest.raises(StepError, match="features lack"):
        score_columns(ranker, dict(list(columns.items())[1:]), n_rows=len(unseen))
