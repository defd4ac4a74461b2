"""The compiled trees against LightGBM: every score the same to the last bit."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.ranking import lambdamart
from tasks.ranking.lambdamart import predict, predict_columns
from tasks.ranking.tree_scores import Trees, add_scores, read_trees

NAMES = ("a", "b", "c", "d", "e")


def grow(
    *,
    leaves: int = 15,
    rounds: int = 12,
    seed: int = 0,
    missing: float = 0.0,
    by_category: bool = False,
    **params: object,
) -> str:
    """A model of four features, of which c is missing now and then; e is never asked for."""
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(4000, 5)).astype(np.float32)
    values[:, 1] = np.round(values[:, 1]) + 10 * by_category
    values[draw.random(4000) < missing, 2] = np.nan
    values[:, 4] = 1.0
    aims = (
        values[:, 0] * values[:, 1]
        + np.nan_to_num(values[:, 2], nan=2.0) ** 2
        + values[:, 3]
        + 9 * by_category * (values[:, 1] == 11)
    )
    data = lgb.Dataset(values, aims, params={"verbosity": -1}, categorical_feature=[1] if by_category else "auto")
    settings = {"num_leaves": leaves, "min_data_in_leaf": 3, "verbosity": -1, "num_threads": 1, "seed": seed, **params}
    return lgb.train(settings, data, num_boost_round=rounds).model_to_string()


def awkward_rows(n_rows: int, text: str, seed: int = 1) -> NDArray[np.float32]:
    """Rows with NaN and infinities everywhere, and with the very thresholds and their neighbours."""
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(n_rows, 5)).astype(np.float32)
    trees = known_trees(text)
    for column in range(5):
        own = trees.thresholds[trees.columns == column]
        near = np.concatenate([own, np.nextafter(own, np.float32(9)), [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-38]])
        is_near = draw.random(n_rows) < 0.5
        values[is_near, column] = draw.choice(near.astype(np.float32), is_near.sum())
    return values


def known_trees(text: str) -> Trees:
    trees = read_trees(text, (0, 1, 2, 3, 4))
    assert trees is not None
    return trees


def score(text: str, values: NDArray[np.float32]) -> NDArray[np.float64]:
    total = np.zeros(len(values))
    add_scores(known_trees(text), np.ascontiguousarray(values.T), total)
    return total


@settings(max_examples=12, deadline=None)
@given(leaves=st.sampled_from([2, 3, 15, 64, 256]), missing=st.sampled_from([0.0, 0.3]), seed=st.integers(0, 99))
def test_scores_are_lightgbms_to_the_last_bit(leaves: int, missing: float, seed: int) -> None:
    text = grow(leaves=leaves, missing=missing, seed=seed)
    values = awkward_rows(1500, text, seed)
    assert score(text, values).tolist() == predict((text,), values, n_threads=1).tolist()


@pytest.mark.parametrize("n_rows", [0, 1, 511, 512, 513, 20_000])
def test_any_number_of_rows_is_scored(n_rows: int) -> None:
    text = grow(missing=0.3)
    values = awkward_rows(n_rows, text)
    assert score(text, values).tolist() == predict((text,), values, n_threads=1).tolist()


def test_trees_without_a_split_count() -> None:
    text = grow(min_data_in_leaf=4000)
    values = np.zeros((3, 5), dtype=np.float32)
    assert score(text, values).tolist() == predict((text,), values, n_threads=1).tolist() != [0.0, 0.0, 0.0]


def test_large_shards_take_the_compiled_trees_and_are_scored_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = (grow(seed=1, missing=0.3), grow(seed=2, missing=0.3))
    values = awkward_rows(20_000, texts[0])
    columns = {name: values[:, place].astype(np.float64) for place, name in enumerate(NAMES[:4])}
    expected = predict(texts, values, n_threads=1).tolist()
    by_lightgbm = predict_columns(texts, columns, NAMES, n_rows=len(values))
    monkeypatch.setattr(lambdamart, "COMPILED_FROM", 1)
    monkeypatch.setattr(lambdamart.lgb, "Booster", None)
    compiled = predict_columns(texts, columns, NAMES, n_rows=len(values))
    assert by_lightgbm.tolist() == compiled.tolist() == expected


@pytest.mark.parametrize(
    "params", [{"by_category": True}, {"zero_as_missing": True}, {"leaves": 300}, {"linear_tree": True}]
)
def test_trees_that_are_not_known_are_left_to_lightgbm(
    params: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = grow(missing=0.3, **params)  # type: ignore[arg-type]
    assert read_trees(text, (0, 1, 2, 3, 4)) is None
    monkeypatch.setattr(lambdamart, "COMPILED_FROM", 1)
    values = np.random.default_rng(3).normal(size=(700, 5)).astype(np.float32)
    values[:, 4] = 0.0
    columns = {name: values[:, place].astype(np.float64) for place, name in enumerate(NAMES[:4])}
    expected = predict((text,), values, n_threads=1).tolist()
    assert predict_columns((text,), columns, NAMES, n_rows=len(values)).tolist() == expected
