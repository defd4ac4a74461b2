"""score: the best of each user, whole, explained, and nothing that they should not see."""

from __future__ import annotations

import random
from pathlib import Path
from typing import get_args

import polars as pl
import pytest

from tasks.contracts.recommending import SourceName
from tasks.serving.compose import is_served_so
from tests.night import DAY, Nights, SmallCatalog, make_item
from warehouse.errors import WarehouseError

SERVE = ("ingest", "embed", "topics", "similar", "candidates", "score")


def recommended(nights: Nights) -> set[tuple[str, str]]:
    return set(nights.output("recommendations").select("user_id", "item_id").iter_rows())


def test_ranks_have_no_gap_and_follow_the_score(finished: Nights) -> None:
    rows = finished.output("recommendations")
    assert rows.sort("user_id", "rank").group_by("user_id", maintain_order=True).agg("rank")["rank"].to_list() == (
        [list(range(1, 11))] * 20
    )
    assert rows.filter(pl.col("score").diff().over("user_id", order_by="rank") > 0).is_empty()


def test_nothing_seen_gone_or_repeated_is_recommended(finished: Nights, catalog: SmallCatalog) -> None:
    del catalog.items["i03"]
    catalog.items["x0"] = {**catalog.items["i04"], "id": "x0"}
    finished.run(*SERVE)
    rows = finished.output("recommendations")
    found = recommended(finished)
    assert found.isdisjoint({(event["user"], event["item"]) for event in catalog.events})
    assert not rows.select("user_id", "item_id").is_duplicated().any()
    assert "i03" not in rows["item_id"]
    assert not any({(user, "i04"), (user, "x0")} <= found for user in catalog.users)


def test_each_row_says_why_and_from_where(finished: Nights) -> None:
    rows = finished.output("recommendations")
    assert (rows["reason"].str.len_chars() > 0).all()
    assert (rows["sources"].list.len() > 0).all()
    assert set(rows["sources"].explode()) <= set(get_args(SourceName))
    assert set(rows["reason_source"]) == {"template"}
    assert rows["propensity"].is_null().all()
    fields = rows.select("reason_content", "reason_popularity", "reason_diversity", "reason_time").rows()
    assert any(field is not None for row in fields for field in row)
    assert all(reason in row for reason, row in zip(rows["reason"], fields, strict=True) if any(row))
    assert rows.select("catalog", "user_space", "as_of").unique().rows() == [("news", "readers", DAY)]
    titles = dict(finished.rows("select item_id, title from items"))
    assert all(titles[item] == title for item, title in rows.select("item_id", "title").iter_rows())


def test_readers_get_more_of_their_own_topic_than_chance_would_give(finished: Nights) -> None:
    firsts = finished.output("recommendations").filter(pl.col("rank") <= 3)
    own = [int(item[1:]) % 3 == int(user[1:]) % 3 for user, item in firsts.select("user_id", "item_id").iter_rows()]
    assert sum(own) / len(own) > 0.6


def test_what_was_read_since_is_recommended_no_more(finished: Nights, catalog: SmallCatalog) -> None:
    user, item = min(recommended(finished))
    catalog.events.append({"user": user, "item": item, "event": "view", "at": "2026-11-01T12:00:00Z"})
    finished.run(*SERVE)
    assert (user, item) not in recommended(finished)


def test_new_item_can_be_recommended_at_once(finished: Nights, catalog: SmallCatalog) -> None:
    for number in range(6):
        catalog.items[f"x{number}"] = make_item(f"x{number}", "space", chance=random.Random(number))
    finished.run(*SERVE)
    assert {item for _, item in recommended(finished)} & {f"x{number}" for number in range(6)}


def test_list_is_as_long_as_the_catalog_says(finished: Nights, catalog: SmallCatalog) -> None:
    catalog.more = "[recommend]\ntop_n = 3"
    finished.run(*SERVE)
    assert finished.output("recommendations").group_by("user_id").len()["len"].to_list() == [3] * 20


def test_shards_of_any_size_give_the_same_lists(finished: Nights) -> None:
    whole = finished.output("recommendations").sort("user_id", "rank")
    finished.run("candidates", "score", shard_users=3)
    assert finished.output("recommendations").sort("user_id", "rank").equals(whole)


def test_without_a_model_the_fused_order_is_served_and_said(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.judge = "pairs_per_user = 0\nevaluation_pairs_per_user = 0"
    catalog.events = []
    report = nights.run("ingest", "embed", "candidates", "train", "score")["score"]
    assert report.notes[0] == "no model yet: ranked by the fused sources"
    fused = nights.output("candidates").select("user_id", "item_id", "fused_score")
    rows = nights.output("recommendations").join(fused, on=["user_id", "item_id"])
    assert rows.height == 200
    assert (rows["score"] - rows["fused_score"]).abs().max() < 1e-9


def test_changed_model_file_is_refused(finished: Nights) -> None:
    [path] = (finished.folder / "models" / "news").glob("*.json")
    path.write_text(path.read_text(encoding="utf-8").replace("tree", "twig"), encoding="utf-8")
    with pytest.raises(WarehouseError, match="was changed; run `nightjar train` to make a new one"):
        finished.run("score")


def test_score_before_candidates_says_what_to_run(nights: Nights) -> None:
    with pytest.raises(WarehouseError, match="catalog 'news' has no candidates yet; run `nightjar candidates` first"):
        nights.run("ingest", "embed", "score")


def test_only_shards_that_are_as_they_are_served_are_copied(finished: Nights, tmp_path: Path) -> None:
    lists = finished.output("scored")
    cases = {
        "as they are": (lists, True),
        "other order": (lists.reverse(), False),
        "other columns": (lists.select(reversed(lists.columns)), False),
        "a column more": (lists.with_columns(more=1), False),
        "nothing": (lists.head(0), True),
    }
    for name, (frame, is_copied) in cases.items():
        path = tmp_path / f"{name}.parquet"
        frame.write_parquet(path)
        assert is_served_so(path) == is_copied, name
    assert finished.output("recommendations").equals(lists)
