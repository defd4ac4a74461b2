"""Backfill: past nights know nothing of later days, are archives, and are made once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

import flows.backfill
import flows.stage
from flows.backfill import days_between, run_backfill
from flows.request import RunRequest
from tasks.backfill import published_days
from tasks.contracts.errors import ConfigError, GateFailedError
from tests.fake_embedder import HashingEmbedder
from tests.flows.conftest import Nightjar
from tests.night import DAY, Nights, SmallCatalog, plug_embedder
from warehouse.publication import list_publications, resolve_latest

# Two nights through flows: half a minute, and longer where others work beside it.
pytestmark = pytest.mark.timeout(900)
PAST = date(2026, 10, 5)
LATE = "i07"


@dataclass
class Filled:
    """A warehouse with a night as of DAY and then a backfill of PAST."""

    nights: Nights
    request: RunRequest
    latest: str

    def rows(self, day: date) -> pl.DataFrame:
        """The recommendations that were published for a day."""
        published = self.nights.folder / "published"
        found = published_days(self.nights.folder, ["news"])[day]
        [publication] = [one for one in list_publications(published) if one.publication_id == found]
        return pl.concat([pl.read_parquet(path) for path in publication.files("recommendations")])


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, prefect_server: None) -> Iterator[Filled]:
    """Item LATE comes out after PAST, and most users like it then."""
    folder = tmp_path_factory.mktemp("backfill")
    catalog = SmallCatalog(folder / "catalog")
    catalog.items[LATE]["published_at"] = "2026-10-20T08:00:00Z"
    catalog.events = [event for event in catalog.events if event["item"] != LATE]
    catalog.events += [
        {"user": user, "item": LATE, "event": "like", "at": "2026-10-21T08:00:00Z"} for user in list(catalog.users)[:15]
    ]
    with pytest.MonkeyPatch.context() as patched:
        plug_embedder(patched, HashingEmbedder())
        patched.chdir(folder)
        # Pages of runs have tests of their own, and take as long as the night of so small a catalog.
        patched.setattr(flows.stage, "refresh_docs", lambda *_: None)
        patched.setattr(flows.stage, "try_report", lambda *_: None)
        nights = Nights(folder / "warehouse", [catalog])
        nights.run()
        request = RunRequest(catalogs=(catalog.file,), warehouse=nights.folder)
        latest = resolve_latest(nights.folder / "published").publication_id
        run_backfill(request, PAST, PAST, is_again=False, is_dry_run=False)
        yield Filled(nights, request, latest)


def test_latest_stays_and_each_day_is_an_archive(filled: Filled) -> None:
    published = filled.nights.folder / "published"
    assert resolve_latest(published).publication_id == filled.latest
    days = published_days(filled.nights.folder, ["news"])
    assert sorted(days) == [PAST, DAY]
    archives = {one.publication_id for one in list_publications(published) if one.is_backfill}
    assert archives == {days[PAST]}


def test_item_of_a_later_day_is_not_recommended_then(filled: Filled) -> None:
    rows = filled.rows(PAST)
    assert rows["as_of"].unique().to_list() == [PAST]
    assert LATE not in rows["item_id"].to_list()
    assert "i08" in rows["item_id"].to_list()
    assert LATE in filled.rows(DAY)["item_id"].to_list()


def test_what_was_read_later_is_not_held_against_an_item(filled: Filled) -> None:
    """What users read later is unknown on that day, so it may be recommended; by DAY it is seen."""
    read = {
        (event["user"], event["item"]) for event in filled.nights.catalogs[0].events if event["at"][:10] > str(PAST)
    }
    then, now = (set(filled.rows(day).select("user_id", "item_id").iter_rows()) for day in (PAST, DAY))
    assert read & then
    assert not read & now


def test_features_of_a_day_know_no_later_event(filled: Filled) -> None:
    run_id = filled.nights.value(f"select run_id from runs where as_of = '{PAST}' order by started_at desc limit 1")
    features = pl.read_parquet(filled.nights.folder / "runs" / run_id / "news" / "features-holdout" / "*.parquet")
    query = "select item_id, count(*) from interactions where occurred_at < '{}' group by 1"
    known = dict(filled.nights.rows(query.format(PAST + timedelta(days=1))))
    in_all = dict(filled.nights.rows(query.format("9999-01-01")))
    told = features.group_by("item_id").agg(pl.col("interactions_log").max().exp().round() - 1)
    assert told.height > 10
    assert [item for item, count in told.iter_rows() if count > known.get(item, 0)] == []
    assert sum(known.values()) < sum(in_all.values())


def test_model_of_a_day_ranks_that_day_and_never_becomes_the_champion(filled: Filled) -> None:
    champions = filled.nights.rows("select model_id, run_id from model_standings where status = 'champion'")
    assert [run_id for _, run_id in champions] == ["r001"]
    assert filled.nights.value("select count(*) from promotions") == 1
    told = filled.nights.column(
        "select array_to_string(notes, ' ') from stage_runs where stage = 'score' and run_id <> 'r001'"
    )
    assert len(told) == 1
    assert not [note for note in told if champions[0][0] in note]


def test_labels_are_made_once(filled: Filled) -> None:
    asked = "select coalesce(sum(rows_in), 0) from stage_runs where run_id <> 'r001' and stage = '{}'"
    assert [filled.nights.value(asked.format(stage)) for stage in ("enrich", "topics", "judge")] == [0, 0, 0]


def test_days_that_are_published_are_passed_over(filled: Filled, capfd: pytest.CaptureFixture[str]) -> None:
    before = filled.nights.value("select count(*) from runs")
    run_backfill(filled.request, PAST, PAST, is_again=False, is_dry_run=False)
    run_backfill(filled.request, PAST, PAST + timedelta(days=2), is_again=False, is_dry_run=True)
    printed = capfd.readouterr().out
    assert "already published, passed over: 2026-10-05; --again does them anew" in printed
    assert "nothing is left to do" in printed
    assert "2 nights, 2026-10-06 to 2026-10-07 (2 days)" in printed
    assert f"`latest` shows {DAY} and never goes back" in printed
    assert filled.nights.value("select count(*) from runs") == before


def test_day_that_a_gate_stops_does_not_stop_the_others(
    filled: Filled, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[date | None] = []

    def one_night(request: RunRequest) -> None:
        seen.append(request.as_of)
        if request.as_of == PAST:
            raise GateFailedError("gate 'labels' stopped the run")

    monkeypatch.setattr(flows.backfill, "nightly_flow", lambda request: None)
    monkeypatch.setattr(flows.backfill, "backfill_flow", one_night)
    with pytest.raises(GateFailedError, match="gates stopped 1 of 2 days: 2026-10-05; mend what they name"):
        run_backfill(filled.request, PAST, PAST + timedelta(days=1), is_again=True, is_dry_run=False)
    assert seen == [PAST, PAST + timedelta(days=1)]
    assert "2026-10-05 is not published: gate 'labels' stopped the run" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("2026-10-05", "2026-10-04"), "TO 2026-10-04 comes before FROM 2026-10-05"),
        (("2026-10-05", "9999-01-01"), "TO 9999-01-01 is not over yet"),
        (("2020-01-01", "2026-10-05"), "backfill at most 366 at once"),
        (("soon", "2026-10-05"), "FROM 'soon' is no day; write for example"),
    ],
)
def test_range_that_is_none_is_refused(
    nightjar: Nightjar, catalog: SmallCatalog, words: tuple[str, str], problem: str
) -> None:
    ended = nightjar("backfill", *words, "--catalog", catalog.save())
    assert ended.code == 2
    assert problem in ended.err


def test_both_ends_belong_to_the_range() -> None:
    tomorrow = PAST + timedelta(days=1)
    assert days_between(PAST, tomorrow) == [PAST, tomorrow]
    assert days_between(PAST, PAST) == [PAST]
    with pytest.raises(ConfigError, match="comes before"):
        days_between(tomorrow, PAST)


def test_publication_without_one_of_the_catalogs_does_not_count(tmp_path: Path, filled: Filled) -> None:
    assert published_days(filled.nights.folder, ["news", "books"]) == {}
    assert published_days(tmp_path, ["news"]) == {}
    assert json.loads((filled.nights.folder / "published/latest.json").read_text(encoding="utf-8"))["as_of"] == str(DAY)
