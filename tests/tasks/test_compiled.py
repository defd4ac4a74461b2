"""A night by the compiled loops of large catalogs publishes what the same night publishes without them."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks.ranking import history_features, lambdamart, pair_runs
from tasks.retrieval import approximate_search, dense_history, item_to_item
from tests.night import Nights, SmallCatalog

LOOPS = (
    "tasks.retrieval.cell_kernel.score_turns",
    "tasks.retrieval.interest_kernel.sum_up_users",
    "tasks.retrieval.neighbour_kernel.find_nearest",
    "tasks.ranking.history_kernel.compare_runs",
    "tasks.ranking.pair_kernel.add_entries",
    "tasks.ranking.tree_kernel.add_tree_scores",
)


def lists(nights: Nights) -> pl.DataFrame:
    return nights.published("recommendations").sort("user_id", "rank")


def test_compiled_night_publishes_the_same_lists(
    nights: Nights, catalog: SmallCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights.run()
    expected = lists(nights)
    called: set[str] = set()
    for path in LOOPS:
        module, name = path.rsplit(".", 1)
        loop = getattr(__import__(module, fromlist=[name]), name)

        def watched(*given: object, loop: object = loop, path: str = path) -> None:
            called.add(path)
            loop(*given)  # type: ignore[operator]

        monkeypatch.setattr(path, watched)
    monkeypatch.setattr(history_features, "COMPILED_ITEMS", 1)
    monkeypatch.setattr(dense_history, "COMPILED_ITEMS", 1)
    monkeypatch.setattr(item_to_item, "COMPILED_ITEMS", 1)
    monkeypatch.setattr(pair_runs, "COMPILED_PAIRS", 1)
    monkeypatch.setattr(lambdamart, "COMPILED_FROM", 1)
    monkeypatch.setattr(approximate_search, "SAMPLE_QUERIES", 20)
    catalog.more += "\n[candidates]\nexact_up_to = 1\n"
    nights.run()
    assert called == set(LOOPS)
    assert_frame_equal(lists(nights), expected, abs_tol=1e-5)
