"""judge: one coin a pair, thrown when user or item is new, and a question for each pair that was drawn."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tasks.judge import plan_judge
from tasks.ranking.splits import split_of
from tests.night import Nights, SmallCatalog
from tests.scripted_labeler import ScriptedLabeler
from tests.tasks.conftest import Begin

NIGHT = ("ingest", "embed", "judge")


def samples(nights: Nights, run_id: str = "%") -> set[tuple[str, str]]:
    found = nights.rows(f"select user_id, item_id from judge_samples where run_id like '{run_id}'")
    return {(user, item) for user, item in found}


def test_second_night_throws_no_coin(nights: Nights, labeler: ScriptedLabeler) -> None:
    first = nights.run(*NIGHT)["judge"]
    before = nights.table("judge_samples")
    again = nights.run(*NIGHT)["judge"]
    assert first.notes[-1] == f"{len(before)} pairs newly drawn"
    assert again.notes[-1] == "0 pairs newly drawn"
    assert nights.table("judge_samples") == before


def test_new_item_throws_only_its_own_coins(
    nights: Nights, begin: Begin, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    begin(*NIGHT)
    before = samples(nights)
    catalog.items["i30"] = {**catalog.items["i04"], "id": "i30", "text": "Nothing like what was there before."}
    nights.run(*NIGHT)
    assert samples(nights, "r001") == before
    assert {item for _, item in samples(nights, "r002")} == {"i30"}


def test_new_user_throws_only_their_own_coins(
    nights: Nights, begin: Begin, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    begin(*NIGHT)
    before = samples(nights)
    catalog.users["u20"] = {"id": "u20", "interests": "food;bread", "summary": "Reader u20 bakes."}
    nights.run(*NIGHT)
    assert samples(nights, "r001") == before
    assert {user for user, _ in samples(nights, "r002")} == {"u20"}


def test_changed_profile_is_drawn_and_judged_anew(
    nights: Nights, begin: Begin, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    begin(*NIGHT)
    labeler.take()
    catalog.users["u03"]["summary"] = "Reader u03 has moved on to baking bread."
    nights.run(*NIGHT)
    assert {user for user, _ in samples(nights, "r002")} == {"u03"}
    profile = nights.value("select profile_hash from users where user_id = 'u03'")
    assert {key.split("|")[0] for key in labeler.take()["judge"]} == {profile}
    judged = nights.value("select count(*) from current_judge_labels where user_id = 'u03'")
    assert judged == len(samples(nights, "r002"))


def test_each_drawn_pair_is_asked_and_carries_its_probability(nights: Nights, labeler: ScriptedLabeler) -> None:
    nights.run(*NIGHT)
    drawn = nights.rows("select profile_hash || '|' || content_hash, stratum, sampling_probability from judge_samples")
    assert sorted(key for key, *_ in drawn) == sorted(labeler.take()["judge"])
    assert {stratum for _, stratum, _ in drawn} <= {"top:dense_profile", "top:bm25", "top:popularity", "middle", "rest"}
    assert {stratum for _, stratum, _ in drawn} >= {"top:dense_profile", "top:popularity", "middle"}
    assert all(probability == 1 for _, stratum, probability in drawn if stratum.startswith("top:"))
    labeled = nights.rows("select stratum, sampling_probability from current_judge_labels order by all")
    assert labeled == sorted((stratum, probability) for _, stratum, probability in drawn)


def test_what_a_user_has_met_is_not_drawn(
    nights: Nights, begin: Begin, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    begin(*NIGHT)
    met = {(event["user"], event["item"]) for event in catalog.events}
    assert met.isdisjoint(samples(nights))


def test_what_happens_after_the_day_is_not_known_yet(
    nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    catalog.events = [{**event, "at": "2026-11-02T00:00:00Z"} for event in catalog.events]
    nights.run(*NIGHT)
    met = {(event["user"], event["item"]) for event in catalog.events}
    assert met & samples(nights)


def test_users_of_the_test_split_get_more_pairs(
    nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    catalog.judge = "pairs_per_user = 2\nevaluation_pairs_per_user = 16\nnear_share = 1.0\nmiddle_share = 0.0"
    nights.run(*NIGHT)
    counts = dict(nights.rows("select user_id, count(*) from judge_samples group by all"))
    ranking = nights.context().catalog.ranking
    shares = {"validation_share": ranking.validation_share, "test_share": ranking.test_share}
    users = pl.Series(sorted(catalog.users))
    splits = split_of(users, seed=ranking.seed, **shares)
    for user, split in zip(users, splits, strict=True):
        met = sum(event["user"] == user for event in catalog.events)
        wanted = 16 if split == "test" else 2
        assert wanted - met <= counts.get(user, 0) <= wanted
    assert "test" in splits.to_list()


def test_no_more_users_than_allowed_are_judged_and_they_stay(
    nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    catalog.judge = "max_users = 6"
    nights.run(*NIGHT)
    chosen = {user for user, _ in samples(nights)}
    assert len(chosen) == 6
    for number in range(20, 40):
        catalog.users[f"u{number}"] = {"id": f"u{number}", "interests": "food", "summary": "Another one."}
    nights.run(*NIGHT)
    assert {user for user, _ in samples(nights)} == chosen


def test_gone_item_is_neither_asked_nor_counted(
    nights: Nights, begin: Begin, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    begin(*NIGHT)
    [drawn] = nights.column("select min(item_id) from judge_samples")
    del catalog.items[drawn]
    labeler.take()
    labeler.version = "2"
    nights.run(*NIGHT)
    gone = nights.value(f"select content_hash from items where item_id = '{drawn}'")
    assert not any(key.endswith(gone) for key in labeler.take()["judge"])
    assert nights.value(f"select count(*) from current_judge_labels where item_id = '{drawn}'") == 0


def test_judge_can_be_switched_off(nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler) -> None:
    catalog.judge = "pairs_per_user = 0\nevaluation_pairs_per_user = 0"
    report = nights.run(*NIGHT)["judge"]
    assert (report.rows_in, report.notes) == (0, ("the catalog switches the judge off",))
    assert plan_judge(nights.context())[0].note == "the catalog switches the judge off"
    assert samples(nights) == set()


def test_blocks_of_users_change_nothing(
    nights: Nights, labeler: ScriptedLabeler, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nights.run(*NIGHT)
    whole = nights.table("judge_samples"), sorted(labeler.take()["judge"])
    monkeypatch.setattr("tasks.judge.BLOCK_USERS", 3)
    monkeypatch.setattr("tasks.loading.judging.BLOCK_USERS", 2)
    other = Nights(tmp_path / "other", nights.catalogs)
    other.run(*NIGHT)
    assert (other.table("judge_samples"), sorted(labeler.take()["judge"])) == whole
