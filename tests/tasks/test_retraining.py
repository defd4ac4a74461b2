"""A night makes no new model where too little has changed; what was asked for by name, or changes more, makes one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.night import DAY, Nights, SmallCatalog
from warehouse.connection import open_warehouse


def models(nights: Nights) -> int:
    return int(nights.value("select count(*) from models"))


def regrade(nights: Nights, n: int) -> None:
    """Give other grades to n of the judged pairs of training users."""
    with open_warehouse(nights.folder) as warehouse:
        warehouse.connection.execute(
            "update judge_labels set relevance = 3 - relevance where (profile_hash, content_hash) in"
            " (select (profile_hash, content_hash) from judge_labels order by hash(profile_hash, content_hash) limit $n)",
            {"n": n},
        )


def judged(nights: Nights) -> int:
    return int(nights.value("select count(*) from judge_labels"))


def test_little_change_leaves_the_champion(finished: Nights) -> None:
    champion = finished.value("select model_id from models")
    regrade(finished, 2)
    reports = finished.run("candidates", "train", "score", "evaluate", keeps=True)
    [note] = reports["train"].notes
    assert note.startswith("no new model: ")
    assert f"have changed since model {champion} was made of those of {DAY}; due from 5%, or after 7 days" in note
    assert not note.startswith("no new model: 0.00%")
    assert reports["train"].rows_in > 0
    assert reports["score"].notes[0] == f"ranked by model {champion}"
    assert any("held-out users; NDCG@10" in note for note in reports["evaluate"].notes)
    assert models(finished) == 1


def test_much_change_makes_a_new_one(finished: Nights) -> None:
    regrade(finished, judged(finished) // 2)
    report = finished.run("candidates", "train", keeps=True)["train"]
    assert report.notes[0].startswith("model ")
    assert models(finished) == 2


def test_small_changes_add_up(finished: Nights, catalog: SmallCatalog) -> None:
    """Each night is held against what the champion has learnt, not against the night before."""
    catalog.ranking = "retrain_share = 0.3"
    finished.run("train", keeps=True)
    # The setting itself is none that decides what a model becomes.
    assert models(finished) == 1
    step = judged(finished) // 8
    for nights in range(1, 9):
        with open_warehouse(finished.folder) as warehouse:
            warehouse.connection.execute(
                "update judge_labels set relevance = 3 - relevance where (profile_hash, content_hash) in (select"
                " (profile_hash, content_hash) from judge_labels order by hash(profile_hash, content_hash) limit $n offset $o)",
                {"n": step, "o": step * (nights - 1)},
            )
        finished.run("train", keeps=True)
        if models(finished) == 2:
            break
    assert 2 <= nights <= 4


@pytest.mark.parametrize(
    "change",
    [{"keeps": False}, {"keeps": True, "as_of": DAY + timedelta(days=7)}, {"keeps": True, "is_backfill": True}],
)
def test_a_command_an_old_champion_and_a_backfill_make_one(finished: Nights, change: dict[str, object]) -> None:
    regrade(finished, 2)
    report = finished.run("train", **change)["train"]
    assert report.notes[0].startswith("model ")
    assert models(finished) == 2


def test_the_champion_serves_to_the_day_before(finished: Nights) -> None:
    regrade(finished, 2)
    report = finished.run("train", keeps=True, as_of=DAY + timedelta(days=6))["train"]
    assert report.notes[0].startswith("no new model: ")


@pytest.mark.parametrize("setting", ["learning_rate = 0.1", "retrain_share = 0.0", "retrain_days = 0"])
def test_another_setting_makes_one(finished: Nights, catalog: SmallCatalog, setting: str) -> None:
    catalog.ranking = setting
    regrade(finished, 2)
    assert finished.run("train", keeps=True)["train"].notes[0].startswith("model ")


@pytest.mark.parametrize("damage", ["json", "learnt"])
def test_a_damaged_champion_is_replaced(finished: Nights, damage: str) -> None:
    champion = finished.value("select model_id from models")
    (finished.folder / f"models/news/{champion}.{damage}").write_text("{}", encoding="utf-8")
    report = finished.run("train", keeps=True)["train"]
    assert report.notes[0].startswith(f"model {champion}: ")
