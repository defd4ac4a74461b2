"""evaluate: every ranker on users that the model never saw, in one table."""

from __future__ import annotations

import polars as pl
import pytest

from tests.night import Nights, SmallCatalog

RANKERS = {"random", "popularity", "bm25", "collaborative", "dense_profile", "dense_history", "fusion", "lambdamart"}


def test_every_ranker_is_measured_at_every_cutoff(finished: Nights) -> None:
    found = finished.rows("select ranker, metric, k from metrics")
    names = {"precision", "recall", "ndcg", "map", "mrr", "coverage"}
    assert {ranker for ranker, *_ in found} == RANKERS
    assert {(metric, k) for _, metric, k in found} >= {(name, k) for name in names for k in (1, 5, 10)}
    assert len(found) == len(set(found))


def test_only_test_users_are_measured(finished: Nights) -> None:
    tested = finished.output("features-holdout").filter(pl.col("split") == "test")["user_id"].n_unique()
    counts = finished.column("select distinct n_users from metrics")
    assert 0 < max(counts) <= tested


def test_intervals_hold_their_value(finished: Nights) -> None:
    rows = finished.rows("select value, ci_low, ci_high from metrics where metric <> 'coverage' and ci_low is not null")
    assert len(rows) > 0
    assert all(low - 1e-9 <= value <= high + 1e-9 for value, low, high in rows)


def test_lead_over_a_ranker_is_the_difference_of_the_means(finished: Nights) -> None:
    means = dict(finished.rows("select ranker, value from metrics where metric = 'ndcg' and k = 10"))
    leads = dict(
        finished.rows("select ranker, lift from metrics where metric = 'ndcg' and k = 10 and lift is not null")
    )
    assert set(leads) >= RANKERS - {"lambdamart"}
    for ranker in RANKERS - {"lambdamart"}:
        assert leads[ranker] == pytest.approx(means["lambdamart"] - means[ranker])


def test_measured_again_the_rows_are_the_same(finished: Nights) -> None:
    volatile = ["run_id", "created_at"]
    before = finished.table("metrics", without=volatile)
    finished.run("evaluate")
    assert finished.rows("select run_id, count(*) from metrics group by all order by all") == [
        ("r001", len(before)),
        ("r002", len(before)),
    ]
    fresh = "(select * from metrics where run_id = 'r002')"
    assert finished.table(fresh, without=volatile) == before


def test_nothing_to_measure_is_said(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.judge = "pairs_per_user = 0\nevaluation_pairs_per_user = 0"
    catalog.events = []
    report = nights.run("ingest", "embed", "candidates", "train", "evaluate")["evaluate"]
    assert report.notes == ("nothing to measure: no model, or no test user with a relevant item",)
    assert nights.rows("from metrics") == []
