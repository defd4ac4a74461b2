from __future__ import annotations

import polars as pl
import pytest

from tasks.contracts.errors import ConfigError
from tasks.ranking.truth import merge_truth

JUDGE = pl.DataFrame(
    {"user_id": ["u", "u"], "item_id": ["a", "b"], "grade": [3, 0], "sampling_probability": [0.5, 0.1]}
)
ACTS = pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "c"], "grade": [1, 2]})


def test_the_first_truth_wins_and_an_interaction_is_certain():
    merged = merge_truth(judge=JUDGE, interactions=ACTS, order=("judge", "interactions"))
    assert merged.select("item_id", "grade", "truth", "sampling_probability", "has_interaction").rows() == [
        ("a", 3, "judge", 1.0, True),
        ("b", 0, "judge", 0.1, False),
        ("c", 2, "interactions", 1.0, True),
    ]
    swapped = merge_truth(judge=JUDGE, interactions=ACTS, order=("interactions", "judge"))
    assert swapped["grade"].to_list() == [1, 0, 2]


def test_only_named_truths_are_used():
    merged = merge_truth(judge=JUDGE, interactions=ACTS, order=("judge",))
    assert merged["sampling_probability"].to_list() == [0.5, 0.1]
    with pytest.raises(ConfigError, match="truth is empty"):
        merge_truth(judge=JUDGE, interactions=ACTS, order=())
