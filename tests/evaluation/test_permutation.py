from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tasks.contracts.errors import StepError
from tasks.evaluation.metrics import evaluate_scores
from tasks.evaluation.permutation import permute_labels, run_permutation_test

N_TEST = 60


def labels(*, n_users=120, n_items=20, seed=0):
    """Half of the users are to be measured; a relevant item has a high `signal`, which any user's labels teach."""
    draw = np.random.default_rng(seed)
    n = n_users * n_items
    grades = np.where(draw.uniform(size=n) < 0.2, 3, 0)
    return pl.DataFrame(
        {
            "user_id": np.repeat([f"u{user:03}" for user in range(n_users)], n_items),
            "item_id": [f"i{item:02}" for item in range(n_items)] * n_users,
            "grade": grades,
            "signal": draw.normal(size=n) + grades,
        }
    )


def is_measured():
    return pl.col("user_id") < f"u{N_TEST:03}"


def learn_direction(rows):
    """The simplest ranker: by signal, up or down, as the labels of the other users say."""
    learning = rows.filter(~is_measured())
    slope = learning.select(pl.corr("signal", pl.col("grade").cast(pl.Float64))).item()
    return rows.filter(is_measured()).select("user_id", "item_id", score=pl.col("signal") * slope)


def run(pipeline, **values):
    return run_permutation_test(labels(), pipeline, **{"n_shuffles": 8, "seed": 3, **values})


def test_an_honest_ranker_falls_to_chance():
    found = run(learn_direction)
    assert found.lead.low <= 0 <= found.lead.high
    assert not found.is_leaking
    assert found.ranker == pytest.approx(found.chance, abs=0.05)
    assert found.n_shuffles == 8
    assert 50 < found.n_users <= N_TEST


def test_a_ranker_that_met_the_measured_users_is_caught():
    def remember(rows):
        return rows.filter(is_measured()).select("user_id", "item_id", score=pl.col("grade").cast(pl.Float64))

    found = run(remember)
    assert found.is_leaking
    assert found.ranker == pytest.approx(1.0)


def test_a_leak_through_the_order_of_rows_is_caught():
    def order(rows):
        ordered = rows.filter(is_measured()).sort("user_id", pl.col("grade") < 2)
        place = pl.int_range(pl.len()).over("user_id")
        return ordered.select("user_id", "item_id", score=-(place // 4).cast(pl.Float64))

    assert run(order).is_leaking


def test_measured_against_true_labels_even_an_honest_ranker_stays_above_chance():
    """Why the measured users' labels are shuffled too: a direction learnt from noise is right half of the time."""
    rows = labels()
    truth = rows.filter(is_measured()).select("user_id", "item_id", "grade")

    def mean_ndcg(scored):
        return evaluate_scores(scored, truth, cutoffs=(10,)).per_user["ndcg@10"].mean()

    chance = mean_ndcg(truth.select("user_id", "item_id", score=pl.lit(0.0)))
    arbitrary = [mean_ndcg(learn_direction(permute_labels(rows, seed=seed))) for seed in range(12)]
    assert np.mean(arbitrary) > chance + 0.05


def test_labels_stay_with_their_user_and_fold():
    rows = labels(n_users=10).with_columns(fold=(pl.col("item_id") < "i10").cast(pl.Int32))
    shuffled = permute_labels(rows, seed=1)
    keys = ["user_id", "fold"]
    counts = [frame.group_by(keys).agg(pl.col("grade").sum()).sort(keys) for frame in (rows, shuffled)]
    assert counts[0].equals(counts[1])
    assert shuffled.drop("grade").equals(rows.drop("grade"))
    assert not shuffled["grade"].equals(rows["grade"])
    assert permute_labels(rows, seed=1).equals(shuffled)
    assert not permute_labels(rows, seed=2)["grade"].equals(shuffled["grade"])


def test_rows_without_a_label_and_nobody_to_measure_are_refused():
    with pytest.raises(StepError, match="scored 1 rows of which 0 have a label"):
        run(lambda rows: pl.DataFrame({"user_id": ["u000"], "item_id": ["other"], "score": [1.0]}))
    with pytest.raises(StepError, match="no measured user has a relevant item"):
        run(lambda rows: learn_direction(rows).head(0))
