"""The label-permutation test over a finished night: honest rows pass, scores that know the labels do not."""

from __future__ import annotations

import polars as pl
import pytest

from tasks.contracts.errors import GateFailedError
from tasks.permutation import permutation
from tests.night import Nights


def test_with_shuffled_labels_the_ranker_falls_to_chance(finished: Nights) -> None:
    finished.catalogs[0].save()
    report = permutation.fn(finished.context(), n_shuffles=3)
    assert report.notes[0].endswith("users and 3 shuffles")
    rows = finished.rows("select expectation, is_success from quality_results where suite = 'permutation'")
    assert rows == [("shuffled_labels_teach_nothing", True)]


def test_scores_that_know_the_shuffled_labels_stop_the_run(finished: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    finished.catalogs[0].save()
    monkeypatch.setattr(
        "tasks.permutation._train_and_score",
        lambda rows, context: rows.filter(pl.col("part") == "test").select(
            "user_id", "item_id", score=pl.col("grade").cast(pl.Float64)
        ),
    )
    with pytest.raises(GateFailedError, match="shuffled_labels_teach_nothing"):
        permutation.fn(finished.context(), n_shuffles=2)
