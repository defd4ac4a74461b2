"""A ranker that is fitted on workers: close to the one that is fitted here, from all rows, and no query is cut."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tasks.loading.history import make_history
from tasks.ranking.feature_table import FEATURE_NAMES
from tasks.ranking.gains import ndcg_by_user
from tasks.ranking.lambdamart import feature_matrix, predict
from tasks.ranking.model import load_ranker
from tasks.sharding.dask_pool import DaskPool
from tasks.sharding.training import load_part, spread_training
from tests.night import Nights
from warehouse.connection import open_warehouse
from warehouse.models import latest_model
from warehouse.outputs import latest_output


@pytest.fixture
def retrieved(nights: Nights) -> Nights:
    nights.run("candidates")
    return nights


def test_more_rows_than_the_limit_are_learnt_on_workers(retrieved: Nights, pool: DaskPool) -> None:
    pool.train_rows = 200
    retrieved.changes["pool"] = pool
    report = retrieved.run("train")["train"]
    assert "fitted on workers" in " ".join(report.notes)
    assert "beyond_row_limit" not in report.dropped
    assert report.rows_out > 200
    with open_warehouse(retrieved.folder) as warehouse:
        found = latest_model(warehouse, catalog="news")
    assert found is not None
    assert load_ranker(found[1]).n_rows == report.rows_out


def test_parts_hold_all_rows_and_whole_queries(retrieved: Nights, pool: DaskPool) -> None:
    retrieved.run("train")
    with open_warehouse(retrieved.folder) as warehouse:
        context = retrieved.context()
        make_history(warehouse, context)
        shards = latest_output(warehouse, catalog="news", stage="features-holdout", needs="train")
        spread = spread_training(warehouse, context, shards, pool=pool)
    loaded = [load_part(part.where) for part in spread.parts]
    assert len(loaded) > 2
    assert [len(one.sizes) for one in loaded] == [part.n_queries for part in spread.parts]
    assert all(one.sizes.sum() == len(one.grades) == len(one.values) == len(one.weights) for one in loaded)
    assert np.concatenate([one.weights for one in loaded]).mean() == pytest.approx(1.0, abs=1e-5)


def test_model_of_workers_orders_as_the_one_made_here(pool: DaskPool) -> None:
    """On rows where one feature tells the grade, both find it; names and number of trees are as asked."""
    import io

    from tasks.contracts.recommending import RankingConfig
    from tasks.ranking.dask_ranker import PartOfRows
    from tasks.ranking.lambdamart import fit_trees, make_dataset, ranker_params

    draw = np.random.default_rng(1)
    frames = []
    for part in range(4):
        n_users, length = 25 + part, 20
        values = {name: draw.normal(size=n_users * length).astype(np.float32) for name in FEATURE_NAMES}
        told = values["fused_score"] if "fused_score" in values else values[FEATURE_NAMES[0]]
        grades = np.clip(np.round(told + draw.normal(scale=0.5, size=len(told)) + 1), 0, 3).astype(np.int32)
        users = np.repeat([f"u{part}-{user:02d}" for user in range(n_users)], length)
        frames.append(pl.DataFrame({"user_id": users, "fold": 0, "grade": grades, "weight": 1.0, **values}))
    parts = []
    for number, frame in enumerate(frames):
        held = io.BytesIO()
        frame.write_parquet(held)
        where = pool.share(f"part-{number}", held.getbuffer()) | {"mean_weight": "1.0"}
        parts.append(PartOfRows(where, frame.height, frame["user_id"].n_unique(), frame["user_id"].n_unique()))
    params = ranker_params(RankingConfig(), FEATURE_NAMES, n_threads=1)
    there = pool.fit(parts, load_part, params=params, n_trees=20, max_grade=3, feature_names=FEATURE_NAMES)
    rows = pl.concat(frames)
    here = fit_trees(make_dataset(rows, FEATURE_NAMES), params, n_trees=20, max_grade=3)
    values = feature_matrix(rows, FEATURE_NAMES)
    scores = [predict((one.text,), values, n_threads=1) for one in (here, there)]
    found = [float(ndcg_by_user(rows, score)["ndcg"].mean()) for score in scores]  # type: ignore[arg-type]
    assert found[1] == pytest.approx(found[0], abs=0.02)
    assert found[1] > 0.85
    assert np.corrcoef(*scores)[0, 1] > 0.9
    assert f"feature_names={' '.join(FEATURE_NAMES)}" in there.text
    assert there.text.count("Tree=") == 20
    assert there.gains.argmax() == here.gains.argmax()
