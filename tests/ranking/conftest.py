"""A tiny catalog and shard for the ranking's tests: plain objects with the attributes that the protocols name."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from tasks.ranking.inputs import build_item_facts

ITEM_IDS = ["a", "b", "c", "d"]


@pytest.fixture
def catalog():
    """Four items: a and b are alike, c lies across, d has no vector."""
    return SimpleNamespace(
        item_ids=pl.Series(ITEM_IDS),
        titles=["Comet seen", "Comet lands", "Leek soup", "Chess"],
        texts=["A comet was seen", "A comet lands on stars", "Leek soup for two", ""],
        vectors=np.array([[1, 0], [0.8, 0.6], [0, 1], [0, 0]], dtype=np.float32),
        has_vector=np.array([True, True, True, False]),
        popularity=np.array([3.0, 1.0, 0.0, 7.0]),
        published_days=np.array([10.0, 5.0, 8.0, np.nan]),
        group_codes=np.array([0, 0, 1, 2]),
    )


@pytest.fixture
def shard():
    """u liked a (newest) and disliked c; v has a profile and no history."""
    return SimpleNamespace(
        user_ids=pl.Series(["u", "v"]),
        profile_vectors=np.array([[0, 0], [0, 1]], dtype=np.float32),
        has_profile=np.array([False, True]),
        profile_texts=["", "short reads"],
        segments=["", "north"],
        queries=None,
        indptr=np.array([0, 2, 2]),
        history_items=np.array([0, 2]),
        history_weights=np.array([1.0, -1.0]),
        history_ages=np.array([3.0, 9.0]),
        history_rows=np.array([0, 1]),
        item_vectors=np.array([[1, 0], [0, 1]], dtype=np.float32),
        item_titles=["Comet seen", "Leek soup"],
    )


@pytest.fixture
def facts(catalog):
    topics = pl.DataFrame(
        {
            "item_id": ["a", "b", "b", "c"],
            "label": ["science", "science", "food", "food"],
            "share": [1.0, 0.75, 0.25, 0.5],
        }
    )
    return build_item_facts(
        catalog,
        topics=topics,
        categories=pl.DataFrame({"item_id": ["a", "b", "c", "d"], "label": ["news", "news", "blog", ""]}),
        authors=pl.DataFrame({"item_id": ["a", "c"], "label": ["Ada", "Ada"]}),
        interactions=pl.DataFrame({"item_id": ["a", "a", "c", "x"], "value": [5.0, 4.0, 1.0, 9.0]}),
    )


@pytest.fixture
def candidates():
    return pl.DataFrame(
        {
            "user_id": ["u", "u", "u", "v"],
            "item_id": ["b", "d", "c", "c"],
            "fused_score": [0.03, 0.02, 0.0, 0.01],
            "fused_rank": [1, 2, None, 1],
            "n_sources": [2, 1, 0, 1],
            "popularity_score": [1.0, 7.0, 0.0, 0.0],
            "popularity_rank": [2, 1, None, None],
            "dense_profile_score": [None, None, None, 1.0],
            "dense_profile_rank": [None, None, None, 1],
        }
    )
