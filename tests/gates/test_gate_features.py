"""The aggregates of feature shards, and the suite that looks at them."""

from __future__ import annotations

import polars as pl
import pytest

from tasks.contracts.catalog import GatesConfig
from tasks.gates import build_suite, run_suite, summarize_features

RANGES = {"cosine": (-1.0, 1.0), "n_clicks": (0.0, None)}
SHARDS = [
    pl.DataFrame({"user_id": ["u1", "u1"], "item_id": ["a", "b"], "cosine": [0.5, -0.5], "n_clicks": [0, 3]}),
    pl.DataFrame({"user_id": ["u2"], "item_id": ["a"], "cosine": [None], "n_clicks": [7]}, schema_overrides={"cosine": pl.Float64}),
]  # fmt: skip


def failures(shards: list[pl.DataFrame]) -> dict[str, int]:
    frames = summarize_features(shards, RANGES)
    results = run_suite("features", frames, build_suite("features", GatesConfig()))
    return {one.expectation: one.n_unexpected for one in results if not one.is_success}


def test_whole_features_pass() -> None:
    assert failures(SHARDS) == {}


def test_aggregates_are_of_all_shards() -> None:
    frames = summarize_features(SHARDS, RANGES)
    assert frames["feature_summary"].select("feature", "n_rows", "n_filled").rows() == [
        ("cosine", 3, 2),
        ("n_clicks", 3, 3),
    ]
    assert frames["feature_shape"].rows() == [(3, 2)]


@pytest.mark.parametrize(
    ("value", "failed"),
    [
        (float("inf"), {"features_are_finite": 1}),
        (1.5, {"features_are_in_range": 1}),
        (-1.5, {"features_are_in_range": 1}),
        (float("nan"), {}),
        (None, {}),
    ],
)
def test_value_is_judged(value: float | None, failed: dict[str, int]) -> None:
    cosine = pl.Series("cosine", [value, 0.1], dtype=pl.Float64)
    assert failures([SHARDS[0].with_columns(cosine)]) == failed


def test_feature_that_is_always_null_fails() -> None:
    assert failures([SHARDS[1]]) == {"features_are_filled": 1}


def test_no_rows_at_all_fail() -> None:
    assert failures([]) == {"features_have_rows": 1, "features_are_filled": 2}


def test_duplicate_pairs_are_counted_and_cut() -> None:
    twice = pl.DataFrame(
        {"user_id": ["u1"] * 300, "item_id": [f"i{n // 2}" for n in range(300)], "cosine": 0.0, "n_clicks": 1}
    )
    frames = summarize_features([twice], RANGES)
    assert frames["feature_duplicates"].height == 100
    assert failures([twice]) == {"feature_duplicates": 150}
