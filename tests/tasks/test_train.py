"""train: learns from those it may learn from, and says when there is too little."""

from __future__ import annotations

import json
import re

import polars as pl
import pytest

from tasks.contracts.errors import GateFailedError
from tests.night import Nights, SmallCatalog
from warehouse.connection import open_warehouse


def model_id(nights: Nights) -> str:
    return str(nights.value("select model_id from models order by trained_at desc limit 1"))


def regrade(nights: Nights, split: str) -> int:
    """Turn the judge's grades of one split's users upside down; how many."""
    users = nights.output("features-holdout").filter(pl.col("split") == split)["user_id"].unique().to_list()
    with open_warehouse(nights.folder) as warehouse:
        changed = warehouse.connection.execute(
            "update judge_labels set relevance = 3 - relevance where profile_hash in"
            " (select profile_hash from users where list_contains($users, user_id))",
            {"users": users},
        ).fetchall()
    return int(changed[0][0])


def test_model_never_learns_from_test_users(finished: Nights) -> None:
    before = model_id(finished)
    assert regrade(finished, "test") > 0
    finished.run("train")
    assert model_id(finished) == before
    assert regrade(finished, "train") > 0
    finished.run("train")
    assert model_id(finished) != before


def test_same_data_give_the_same_model(finished: Nights) -> None:
    finished.run("train")
    assert finished.value("select count(*) from models") == 1


def test_model_is_stored_with_what_it_came_from(finished: Nights) -> None:
    [(run_id, text)] = finished.rows("select run_id, metadata::text from models")
    metadata = json.loads(text)
    splits = finished.output("features-holdout").group_by("split").agg(pl.col("user_id").n_unique())
    assert run_id == "r001"
    assert metadata["as_of"] == "2026-11-01"
    assert metadata["n_users"] <= 20 - dict(splits.iter_rows())["test"]
    assert set(metadata["importances"]) == set(metadata["feature_names"])


def test_features_never_show_a_held_out_pair(finished: Nights, catalog: SmallCatalog) -> None:
    rows = finished.output("features-holdout")
    known = rows.join(finished.output("candidates").select("user_id", "item_id"), on=["user_id", "item_id"], how="anti")
    met = pl.DataFrame(catalog.events).select(user_id="user", item_id="item")
    held_out = known.join(met, on=["user_id", "item_id"], how="semi")
    # The nearest item of the history can't be the item itself, for which the cosine would be 1.
    assert held_out.height > 0
    assert held_out["history_max_cosine"].max() < 0.99


def test_features_gate_leaves_its_results_as_rows(finished: Nights) -> None:
    results = finished.rows("select expectation, is_success from quality_results where suite = 'features' order by all")
    assert [name for name, _ in results] == [
        "feature_duplicates", "features_are_filled", "features_are_finite", "features_are_in_range", "features_have_rows",
    ]  # fmt: skip
    assert all(is_success for _, is_success in results)


def test_feature_out_of_range_stops_training(finished: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks import train

    build = train.build_features
    broken = pl.lit(float("inf"), dtype=pl.Float32).alias("bm25_score")
    monkeypatch.setattr(train, "build_features", lambda *args, **kwargs: build(*args, **kwargs).with_columns(broken))
    before = model_id(finished)
    with pytest.raises(GateFailedError, match="gate 'features' stopped the run: features_are_finite"):
        finished.run("train")
    assert finished.value("select count(*) from quality_results where suite = 'features' and not is_success") > 0
    assert model_id(finished) == before


@pytest.mark.parametrize(
    ("n_users", "message"),
    [
        (0, "no new model: split 'train' has none of the 0 users"),
        (1, "no new model: split '.*' has none of the 1 users"),
    ],
)
def test_too_few_labels_make_no_model(nights: Nights, catalog: SmallCatalog, n_users: int, message: str) -> None:
    catalog.judge = "pairs_per_user = 0\nevaluation_pairs_per_user = 0"
    chosen = list(catalog.users)[:n_users]
    catalog.events = [event for event in catalog.events if event["user"] in chosen]
    report = nights.run("ingest", "embed", "candidates", "train")["train"]
    assert report.rows_out == 0
    assert re.match(message, report.notes[0])
    assert nights.value("select count(*) from models") == 0


def test_too_few_labels_keep_the_last_model(finished: Nights, catalog: SmallCatalog) -> None:
    before = model_id(finished)
    catalog.relevance = 'truth = ["interactions"]'
    report = finished.run("ingest", "candidates", "train", "score")
    assert report["train"].notes[0].startswith("no new model: ")
    assert report["score"].notes[0] == f"ranked by model {before}"
