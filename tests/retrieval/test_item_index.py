from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from tasks.contracts.errors import StepError
from tasks.retrieval.item_index import decay_popularity


def test_positions_follow_the_order_of_ids(make_index):
    index = make_index(["b", "a"], [[0, 2], [3, 0]], popularity=[5, 7])
    assert index.item_ids.to_list() == ["a", "b"]
    assert index.vectors.tolist() == [[1, 0], [0, 1]]
    assert index.popularity.tolist() == [7, 5]
    assert index.locate(pl.Series(["b", "x", "a"])).tolist() == [1, -1, 0]


def test_missing_vectors_are_zero_and_masked(make_index):
    index = make_index(["a", "b", "c"], [[0, 0], [np.nan, 1], [0, 5]])
    assert index.has_vector.tolist() == [False, True, True]
    assert np.isfinite(index.vectors).all()


def test_items_without_a_group_stand_alone(make_index):
    index = make_index(["a", "b", "c", "d"], group_id=["g", None, "g", None])
    assert index.group_codes.tolist() == [0, 1, 0, 2]
    assert index.group_sizes.tolist() == [2, 1, 2, 1]


def test_publication_is_days_since_1970_in_utc(make_index):
    index = make_index(["a", "b"], published_at=[datetime(1970, 1, 2, 12), None])
    assert index.published_days[0] == 1.5
    assert np.isnan(index.published_days[1])
    assert datetime(1970, 1, 2, 12, tzinfo=UTC).timestamp() / 86_400 == 1.5


def test_repeated_ids_are_refused(make_index):
    with pytest.raises(StepError, match="'a' occurs more than once"):
        make_index(["a", "a"])


def test_vectors_of_another_length_are_refused(make_index):
    with pytest.raises(StepError, match="for 2 items"):
        make_index(["a", "b"], np.zeros((3, 4)))


def test_an_empty_catalog_is_an_index(make_index):
    assert len(make_index([], np.zeros((0, 4)))) == 0


def test_popularity_halves_every_half_life_and_ignores_dislikes():
    rows = pl.DataFrame(
        {
            "item_id": ["a", "a", "b", "x"],
            "weight": [1.0, 1.0, -1.0, 1.0],
            "age_days": [0.0, 30.0, 0.0, 0.0],
        }
    )
    assert decay_popularity(rows, pl.Series(["b", "a"]), half_life_days=30).tolist() == [0.0, 1.5]
