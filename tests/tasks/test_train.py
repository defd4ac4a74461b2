"""train: learns from those it may learn from, and says when there is too little."""

from __future__ import annotations

import json
import re

import polars as pl
import pytest

from tasks.contracts.errors import GateFailedError
from tasks.loading.history import make_history
from tasks.loading.learning_rows import read_rows
from tasks.ranking.promotion import Comparison, Decision, Interval
from tests.night import Nights, SmallCatalog
from warehouse.connection import open_warehouse
from warehouse.outputs import latest_output


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
    assert metadata["split"] == {"seed": 7, "validation_share": 0.2, "test_share": 0.25}


def test_model_has_a_card_and_a_picture(finished: Nights, catalog: SmallCatalog) -> None:
    files = json.loads(finished.value("select metadata::text from models"))["files"]
    card = (finished.folder / files["card.md"]).read_text(encoding="utf-8")
    assert card.startswith(f"# Ranker {model_id(finished)} of ")
    assert "the catalog's first model" in card
    assert "| train | judge |" in card
    assert f"]({model_id(finished)}.shap.png)" in card
    assert not [name for name in (*catalog.users, *catalog.items) if re.search(rf"\b{name}\b", card)]
    assert (finished.folder / files["shap.png"]).read_bytes().startswith(b"\x89PNG")


def test_first_model_is_the_champion_and_the_same_model_again_is_no_news(finished: Nights) -> None:
    assert finished.rows("select is_promoted, champion_id, reason from promotions") == [
        (True, None, "the catalog's first model")
    ]
    report = finished.run("train")["train"]
    assert "the same model as the champion" in report.notes
    assert finished.value("select count(*) from promotions") == 1


@pytest.mark.parametrize("is_promoted", [True, False])
def test_champion_serves_until_a_model_is_promoted(
    finished: Nights, monkeypatch: pytest.MonkeyPatch, is_promoted: bool
) -> None:
    from tasks import train

    first = model_id(finished)
    regrade(finished, "train")
    gap = Interval(-0.2, -0.3, -0.1)
    found = Comparison(
        12, challenger=Interval(0.5, 0.4, 0.6), champion=Interval(0.7, 0.6, 0.8), difference=gap, level=0.9
    )
    decision = Decision(is_promoted=is_promoted, reason="so it was decided", comparison=found)
    monkeypatch.setattr(train, "decide_promotion", lambda *args, **more: decision)
    report = finished.run("train", "score")
    second = model_id(finished)
    assert second != first
    says = (
        "promoted to champion: so it was decided"
        if is_promoted
        else "kept back: so it was decided; the champion goes on"
    )
    assert any(note.startswith(says) for note in report["train"].notes)
    serving, other = (second, first) if is_promoted else (first, second)
    assert report["score"].notes[0] == f"ranked by model {serving}"
    assert dict(finished.rows("select model_id, status from model_standings")) == {
        serving: "champion", other: "retired" if is_promoted else "challenger",
    }  # fmt: skip
    columns = "model_id, champion_id, difference, low, high, n_users"
    assert finished.rows(f"select {columns} from promotions order by decided_at desc limit 1") == [
        (second, first, -0.2, -0.3, -0.1, 12)
    ]
    card = (finished.folder / f"models/news/{second}.card.md").read_text(encoding="utf-8")
    assert "| difference, paired | -0.200 | -0.300 | -0.100 |" in card


def test_champion_that_is_damaged_is_replaced(finished: Nights) -> None:
    first = model_id(finished)
    (finished.folder / f"models/news/{first}.json").write_text("{}", encoding="utf-8")
    regrade(finished, "train")
    report = finished.run("train", "score")
    assert any("not compared with the champion: model file" in note for note in report["train"].notes)
    assert report["score"].notes[0] == f"ranked by model {model_id(finished)}"


def test_parameters_are_searched_within_the_budget(finished: Nights, catalog: SmallCatalog) -> None:
    catalog.ranking = "tuning_trials = 3"
    report = finished.run("train")["train"]
    assert any(
        re.match(r"parameters of trial \d of 3 trials: validation NDCG@10 0\.\d+ before", note) for note in report.notes
    )
    metadata = json.loads(finished.value("select metadata::text from models order by trained_at desc limit 1"))
    assert metadata["tuning"]["n_trials"] == 3
    again = finished.run("train")["train"]
    assert again.notes[0] == report.notes[0]


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
    from tasks.loading import holdout_features

    build = holdout_features.build_features
    broken = pl.lit(float("inf"), dtype=pl.Float32).alias("bm25_score")
    monkeypatch.setattr(
        holdout_features, "build_features", lambda *args, **kwargs: build(*args, **kwargs).with_columns(broken)
    )
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


def test_labels_of_people_win_where_they_are_named_first(finished: Nights, catalog: SmallCatalog) -> None:
    """People turn the judge's grades of all training users around: named first they make another model, unnamed none."""
    before = model_id(finished)
    users = finished.output("features-holdout").filter(pl.col("split") == "train")["user_id"].unique().to_list()
    with open_warehouse(finished.folder) as warehouse:
        warehouse.connection.execute(
            "insert into human_labels select catalog, 'judge', profile_hash || '|' || content_hash, (3 - relevance)::text,"
            " 'ann', '', now()::timestamp, 'test', now()::timestamp from current_judge_labels"
            " where list_contains($users, user_id)",
            {"users": users},
        )
    catalog.relevance += '\ntruth = ["judge", "interactions"]'
    finished.run("train")
    assert model_id(finished) == before
    catalog.relevance = catalog.relevance.replace('["judge"', '["people", "judge"')
    finished.run("train")
    assert model_id(finished) != before
    card = (finished.folder / f"models/news/{model_id(finished)}.card.md").read_text(encoding="utf-8")
    assert "| train | people |" in card


def test_people_may_be_the_only_truth_also_of_pairs_that_nobody_drew(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.judge = "pairs_per_user = 0\nevaluation_pairs_per_user = 0"
    catalog.relevance = 'truth = ["people"]'
    nights.run("ingest", "embed")
    with open_warehouse(nights.folder) as warehouse:
        warehouse.connection.execute(
            "insert into human_labels select items.catalog, 'judge', profile_hash || '|' || content_hash,"
            " (hash(item_id, user_id) % 4)::text, 'ann', '', now()::timestamp, 'test', now()::timestamp"
            " from items join users on true where hash(user_id, item_id) % 3 = 0"
        )
        n_labels = warehouse.connection.execute("select count(*) from pair_grades where truth = 'people'").fetchall()[
            0
        ][0]
    assert n_labels > 100
    report = nights.run("candidates", "train")["train"]
    assert report.rows_out > 50
    assert "promoted to champion: the catalog's first model" in report.notes


def test_whole_users_are_left_out_beyond_the_row_limit(finished: Nights, catalog: SmallCatalog) -> None:
    catalog.save()
    context = finished.context()
    with open_warehouse(finished.folder) as warehouse:
        make_history(warehouse, context)
        shards = latest_output(warehouse, catalog="news", stage="features-holdout", needs="train")
        full = read_rows(warehouse, context, shards)
        limits = {"train": full.train.height // 2, "validation": full.validation.height}
        half = read_rows(warehouse, context, shards, max_rows=limits)
        turned = read_rows(warehouse, context, shards[::-1], max_rows=limits)
    assert 0 < half.train.height <= full.train.height // 2
    assert half.train.equals(turned.train)
    kept = full.train.filter(pl.col("user_id").is_in(half.train["user_id"].unique().implode()))
    assert kept.height == half.train.height
    assert half.dropped["beyond_row_limit"] == full.train.height - half.train.height
    assert half.validation.equals(full.validation)


def test_folds_of_a_user_are_learnt_together(finished: Nights, catalog: SmallCatalog) -> None:
    catalog.relevance += '\nfolds = 2\nholdout_order = "random"'
    finished.run("candidates", "train")
    rows = finished.output("features-holdout")
    assert rows["fold"].unique().sort().to_list() == [0, 1]
    assert rows.group_by("user_id").agg(pl.col("split").n_unique())["split"].max() == 1
    context = finished.context()
    with open_warehouse(finished.folder) as warehouse:
        make_history(warehouse, context)
        shards = latest_output(warehouse, catalog="news", stage="features-holdout", needs="train")
        found = read_rows(warehouse, context, shards)
    assert len(found.splits) == rows["user_id"].n_unique()
    keys = found.train.select(pl.struct("user_id", "fold").rle_id().n_unique()).item()
    assert keys == found.train.select("user_id", "fold").unique().height
    assert found.train["weight"].mean() == pytest.approx(1.0, abs=1e-5)
