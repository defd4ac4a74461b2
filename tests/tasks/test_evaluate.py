"""evaluate: every ranker on users that the model never saw, in one table, after a gate that nothing was known before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.contracts.errors import GateFailedError
from tasks.loading.history import make_history
from tasks.loading.measured import read_measured
from tests.night import Nights, SmallCatalog
from warehouse.connection import Warehouse, open_warehouse
from warehouse.outputs import latest_output

ALWAYS = {"random", "popularity", "fusion", "lambdamart"}


def sources_of(nights: Nights) -> set[str]:
    """Sources that found anything for a test user."""
    nights.catalogs[0].save()
    tested = nights.output("features-holdout").filter((pl.col("split") == "test") & (pl.col("fold") == 0))
    return {
        name for name in nights.context().catalog.candidates.sources
        if f"{name}_rank" in tested.columns and tested[f"{name}_rank"].fill_nan(None).count()
    }  # fmt: skip


def change_features(nights: Nights, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Rewrite the shards that train has left."""
    with open_warehouse(nights.folder) as warehouse:
        paths: list[Path] = latest_output(warehouse, catalog="news", stage="features-holdout", needs="train")
        # A file that is not as it was written would be refused before anybody looks at its rows.
        warehouse.connection.execute("update stage_outputs set files = null where stage = 'features-holdout'")
    for path in paths:
        change(pl.read_parquet(path)).write_parquet(path)


def failed(nights: Nights) -> list[str]:
    return nights.column(
        "select expectation from quality_results where suite = 'leakage' and not is_success order by 1"
    )


def test_every_ranker_is_measured_at_every_cutoff(finished: Nights) -> None:
    found = finished.rows("select ranker, metric, k from metrics where slice = 'all'")
    names = {"precision", "recall", "ndcg", "map", "mrr", "hit_rate", "coverage"}
    once = {
        ("auc", 0),
        *((name, 10) for name in ("entropy", "gini", "diversity", "novelty", "popularity_ratio", "calibration_kl")),
    }
    rankers = sources_of(finished) | ALWAYS
    assert {ranker for ranker, *_ in found} == rankers
    for ranker in rankers:
        own = {(metric, k) for one, metric, k in found if one == ranker}
        assert own >= {(name, k) for name in names for k in (1, 5, 10)} | once
    assert len(found) == len(set(found))


def test_metrics_of_sampled_labels_stand_beside_condensed_ones(finished: Nights) -> None:
    rows = finished.rows(
        "select metric, value from metrics where slice = 'all' and ranker = 'lambdamart' and k = 10 and metric like '%ndcg'"
    )
    assert {metric for metric, _ in rows} == {"ndcg", "condensed_ndcg"}
    assert len({value for _, value in rows}) == 2


def test_only_test_users_are_measured(finished: Nights) -> None:
    tested = finished.output("features-holdout").filter(pl.col("split") == "test")["user_id"].n_unique()
    counts = finished.column("select distinct n_users from metrics")
    assert 0 < max(counts) <= tested


def test_intervals_hold_their_value(finished: Nights) -> None:
    rows = finished.rows("select value, ci_low, ci_high from metrics where ci_low is not null and not isnan(value)")
    assert len(rows) > 0
    assert all(low - 1e-9 <= value <= high + 1e-9 for value, low, high in rows)


def test_lead_over_a_ranker_is_the_difference_of_the_means(finished: Nights) -> None:
    chosen = "metric = 'ndcg' and k = 10 and slice = 'all'"
    means = dict(finished.rows(f"select ranker, value from metrics where {chosen}"))
    leads = dict(finished.rows(f"select ranker, lift from metrics where {chosen} and lift is not null"))
    assert set(leads) == set(means) - {"lambdamart"}
    for ranker, lead in leads.items():
        assert lead == pytest.approx(means["lambdamart"] - means[ranker])


def test_p_values_are_corrected_for_the_number_of_rankers(finished: Nights) -> None:
    rows = finished.rows(
        "select p_value, p_adjusted from metrics where slice = 'all' and metric = 'ndcg' and k = 10 and ranker <> 'lambdamart'"
    )
    assert all(0 < p <= adjusted <= 1 for p, adjusted in rows)
    assert any(adjusted > p for p, adjusted in rows)
    smallest = min(p for p, _ in rows)
    assert min(adjusted for _, adjusted in rows) == pytest.approx(min(1.0, smallest * len(rows)))


def test_slices_compare_the_ranker_with_the_best_source(finished: Nights) -> None:
    rows = finished.rows("select distinct slice, ranker from metrics where slice <> 'all'")
    best = finished.value(
        "select ranker from metrics where slice = 'all' and metric = 'ndcg' and k = 10"
        " and ranker not in ('lambdamart', 'fusion', 'random') order by value desc, ranker limit 1"
    )
    slices = {name for name, _ in rows}
    assert {name for name in slices if name.startswith("topic:")} == {"topic:food", "topic:space", "topic:sport"}
    assert {ranker for _, ranker in rows} == {"lambdamart", best}


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


def test_an_honest_night_passes_the_gate(finished: Nights) -> None:
    rows = finished.rows("select expectation, is_success from quality_results where suite = 'leakage' order by 1")
    assert rows == [("future_pairs", True), ("leaked_pairs", True), ("shared_users", True), ("telling_features", True)]


def test_a_measured_user_whom_the_model_learnt_from_stops_the_run(finished: Nights) -> None:
    learnt = finished.output("features-holdout").filter(pl.col("split") == "train")["user_id"][0]
    is_learnt = pl.col("user_id") == learnt
    change_features(
        finished,
        lambda rows: rows.with_columns(split=pl.when(is_learnt).then(pl.lit("test")).otherwise(pl.col("split"))),
    )
    with pytest.raises(GateFailedError, match=f"shared_users.*{learnt}"):
        finished.run("evaluate")
    assert failed(finished) == ["shared_users"]
    assert finished.rows("from metrics where run_id = 'r002'") == []


def test_a_feature_that_knows_the_label_stops_the_run_with_its_name(finished: Nights) -> None:
    with open_warehouse(finished.folder) as warehouse:
        labels = warehouse.connection.sql(
            "select user_id, item_id, relevance from current_judge_labels"
        ).to_arrow_table()
    grades = pl.DataFrame(pl.from_arrow(labels))

    def betray(rows: pl.DataFrame) -> pl.DataFrame:
        known = rows.join(grades, on=["user_id", "item_id"], how="left", maintain_order="left")
        is_known = known["relevance"].fill_null(0) >= 2
        return rows.with_columns(is_known.cast(pl.Float32).alias("text_log"), split=pl.lit("test"))

    change_features(finished, betray)
    with pytest.raises(GateFailedError):
        finished.run("evaluate")
    sample = finished.value(
        "select sample from quality_results where expectation = 'telling_features' and not is_success"
    )
    assert "text_log" in sample


def test_sources_that_were_given_held_out_pairs_stop_the_run(finished: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Warehouse.query

    def leak(self: Warehouse, name: str, **values: Any) -> pl.DataFrame:
        return honest(self, name, **({**values, "fold": None} if name == "queries/choices" else values))

    monkeypatch.setattr(Warehouse, "query", leak)
    with pytest.raises(GateFailedError, match="leaked_pairs"):
        finished.run("evaluate")
    assert failed(finished) == ["leaked_pairs"]


def test_interactions_from_after_the_day_stop_the_run(finished: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    finished.catalogs[0].events += [{"user": "u01", "item": "i05", "event": "like", "at": "2026-12-24T08:00:00Z"}]
    finished.run("ingest")
    monkeypatch.setattr(
        "tasks.evaluate.make_history",
        lambda warehouse, context: make_history(warehouse, replace(context, as_of=date(2027, 1, 1))),
    )
    with pytest.raises(GateFailedError, match="future_pairs"):
        finished.run("evaluate")
    assert "future_pairs" in failed(finished)


def test_what_is_held_out_changes_no_feature(nights: Nights, catalog: SmallCatalog) -> None:
    stages = ("ingest", "embed", "candidates", "train")
    catalog.relevance = 'grades = { like = 3, view = 1 }\ntruth = ["interactions"]'
    nights.run(*stages)
    before = nights.output("features-holdout").sort("fold", "user_id", "item_id")
    last = {event["user"]: event for event in catalog.events}
    for event in last.values():
        event["event"] = "view" if event["event"] == "like" else "like"
    nights.run(*stages)
    assert nights.output("features-holdout").sort("fold", "user_id", "item_id").equals(before)
    grades = nights.column("select count(*) from interactions where event = 'like'")
    assert grades[0] != 80


def test_of_many_test_users_those_with_the_lowest_hashes_are_measured(
    finished: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    tested = finished.output("features-holdout").filter(pl.col("split") == "test")["user_id"].n_unique()
    monkeypatch.setattr(
        "tasks.evaluate.read_measured",
        lambda warehouse, context, ranker: read_measured(warehouse, context, ranker, max_users=2),
    )
    report = finished.run("evaluate")["evaluate"]
    assert f"{tested - 2} of {tested} test users left out by the hash of their id" in report.notes
    assert finished.value("select max(n_users) from metrics where run_id = 'r002'") <= 2
