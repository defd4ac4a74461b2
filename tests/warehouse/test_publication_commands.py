"""`nightjar publications`, `rollback` and `verify`: what an operator sees and does after a bad night."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from published import facts, rows_of_all_tables

from tests.flows.conftest import Nightjar, nightjar
from warehouse.connection import open_warehouse
from warehouse.lock import hold_run_lock
from warehouse.publication import list_publications, publish, read_history, resolve_latest

__all__ = ["nightjar"]


@pytest.fixture(scope="module")
def three_nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three nights, and the day before made up for after them."""
    folder = tmp_path_factory.mktemp("published")
    for night in range(3):
        publish_night(folder, f"r{night}", night)
    publish_night(folder, "b3", 3, is_backfill=True)
    return folder


@pytest.fixture
def published(tmp_path: Path, three_nights: Path) -> Path:
    """The same, for the test to change."""
    return Path(shutil.copytree(three_nights, tmp_path / "warehouse" / "published", symlinks=True))


def publish_night(folder: Path, run_id: str, night: int, *, is_backfill: bool = False) -> None:
    at = datetime(2026, 11, 1, 3) + timedelta(days=night)
    gates = [
        {"suite": "labels", "severity": "warning", "is_success": False},
        {"suite": "labels", "severity": "critical", "is_success": True},
    ]
    told = replace(facts(run_id, night=night), is_backfill=is_backfill, gates=gates)
    publish(folder, rows_of_all_tables(mark=run_id), facts=told, clock=lambda: at)


def test_publications_tell_which_is_the_latest_and_since_when(nightjar: Nightjar, published: Path) -> None:
    (published / "runs" / "r0" / "manifest.json").write_text("{", encoding="utf-8")
    shown = nightjar("publications")
    assert shown.code == 0
    rows = [line.split() for line in shown.out.splitlines()[2:]]
    assert [(row[0], row[-3:]) for row in rows] == [
        ("b3", ["1", "warned", "backfill"]),
        ("r2", ["latest", "11-03", "03:00"]),
        ("r1", ["03:00", "11-03", "03:00"]),
        ("r0", ["r0", "damaged"]),
    ]
    assert rows[1][1:6] == ["2026-11-01", "2026-11-03", "03:00", "18", "0.0"]


def test_nothing_published_is_said(nightjar: Nightjar) -> None:
    shown = nightjar("publications")
    assert (shown.code, "nothing is published yet; run `nightjar publish`" in shown.out) == (0, True)
    assert nightjar("rollback").code == 1


def test_rollback_goes_back_night_by_night_and_is_on_record(nightjar: Nightjar, published: Path) -> None:
    with open_warehouse(published.parent):
        pass
    shown = nightjar("rollback")
    assert "publication r1 (as of 2026-11-01) is the latest now, r2 was" in shown.out
    assert nightjar("rollback").code == 0
    assert resolve_latest(published).publication_id == "r0"
    refused = nightjar("rollback")
    assert refused.code == 1
    assert "older than 'r0', so that there is nothing to roll back to" in refused.err
    assert resolve_latest(published).publication_id == "r0"
    assert [stay.reason for stay in read_history(published)][:3] == ["rolled back", "rolled back", "published"]
    with open_warehouse(published.parent, read_only=True) as warehouse:
        stays = warehouse.connection.sql(
            "select publication_id, reason from latest_publications order by since"
        ).fetchall()
    assert stays[-2:] == [("r1", "rolled back"), ("r0", "rolled back")]


def test_rollback_to_a_named_one_goes_forward_again(nightjar: Nightjar, published: Path) -> None:
    assert nightjar("rollback", "r0").code == 0
    assert nightjar("rollback", "r2").code == 0
    assert resolve_latest(published).publication_id == "r2"


def test_rollback_refuses_what_is_broken_retired_or_the_latest(nightjar: Nightjar, published: Path) -> None:
    before = (published / "latest.json").read_bytes()
    damaged = next(one for one in list_publications(published) if one.publication_id == "r1")
    damaged.files("recommendations")[0].write_bytes(b"PAR1 no more")
    broken = nightjar("rollback")
    assert broken.code == 1
    assert "'r1' is broken, so that nothing was changed: file" in broken.err
    retired = nightjar("rollback", "r7")
    assert (retired.code, "no publication 'r7'" in retired.err, "may have been retired" in retired.err) == (
        1,
        True,
        True,
    )
    again = nightjar("rollback", "r2")
    assert (again.code, "'r2' is the latest already" in again.err) == (2, True)
    assert (published / "latest.json").read_bytes() == before


def test_rollback_waits_for_no_run(nightjar: Nightjar, published: Path) -> None:
    with hold_run_lock(published.parent):
        refused = nightjar("rollback")
    assert (refused.code, "is in use by process" in refused.err) == (1, True)
    assert resolve_latest(published).publication_id == "r2"


def test_rollback_mends_a_latest_that_is_damaged(nightjar: Nightjar, published: Path) -> None:
    (published / "runs" / "r2" / "manifest.json").write_text("{", encoding="utf-8")
    assert "r1 (as of 2026-11-01) is the latest now" in nightjar("rollback").out
    assert nightjar("verify").out.startswith("publication r1 is whole: 7 files, 18 rows")


def test_past_day_is_removed_by_hand_and_the_latest_is_not(nightjar: Nightjar, published: Path) -> None:
    assert "publication b3 is removed" in nightjar("publications", "--remove", "b3").out
    assert [one.publication_id for one in list_publications(published)] == ["r2", "r1", "r0"]
    refused = nightjar("publications", "--remove", "r2")
    assert (refused.code, "'r2' is the latest, which its readers need" in refused.err) == (1, True)


@pytest.mark.parametrize("words", [[], ["r1"], ["b3"]])
def test_verify_says_what_is_whole(nightjar: Nightjar, published: Path, words: list[str]) -> None:
    shown = nightjar("verify", *words)
    assert (shown.code, shown.out.strip()) == (0, f"publication {(words or ['r2'])[0]} is whole: 7 files, 18 rows")
