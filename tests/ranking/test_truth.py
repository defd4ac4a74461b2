from __future__ import annotations

import polars as pl
import pytest

from tasks.contracts.errors import ConfigError
from tasks.ranking.truth import merge_truth

LABELS = pl.DataFrame(
    {
        "user_id": ["u", "u", "u"],
        "item_id": ["a", "b", "b"],
        "truth": ["judge", "judge", "people"],
        "grade": [3, 0, 2],
        "sampling_probability": [0.5, 0.1, 0.1],
    }
)
ACTS = pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "c"], "grade": [1, 2]})


def merged(*order):
    found = merge_truth(labels=LABELS, interactions=ACTS, order=order)
    return found.select("item_id", "grade", "truth", "sampling_probability", "has_interaction").rows()


def test_the_first_truth_wins_and_an_interaction_is_certain():
    assert merged("people", "judge", "interactions") == [
        ("a", 3, "judge", 1.0, True),
        ("b", 2, "people", 0.1, False),
        ("c", 2, "interactions", 1.0, True),
    ]


def test_the_order_is_the_catalogs():
    assert merged("interactions", "judge", "people") == [
        ("a", 1, "interactions", 1.0, True),
        ("b", 0, "judge", 0.1, False),
        ("c", 2, "interactions", 1.0, True),
    ]


def test_only_named_truths_are_used():
    assert merged("judge") == [("a", 3, "judge", 0.5, False), ("b", 0, "judge", 0.1, False)]
    assert merged("people") == [("b", 2, "people", 0.1, False)]
    with pytest.raises(ConfigError, match="truth is empty; name 'people', 'judge' or 'interactions'"):
        merged()


def test_nothing_known_is_no_row():
    assert merge_truth(labels=LABELS.clear(), interactions=ACTS.clear(), order=("people",)).is_empty()
