"""Runs through Prefect on a small catalog: what is recorded, how they end, and what the next one makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.request import RunRequest
from flows.stage import open_run
from tasks.contracts.errors import StepError
from tasks.runs import start_run
from tests.flows.conftest import Nightjar
from tests.night import DAY, Nights, SmallCatalog
from warehouse.lock import hold_run_lock
from warehouse.publication import resolve_latest

pytestmark = pytest.mark.usefixtures("prefect_server", "embedder")


def runs(nights: Nights) -> list[tuple[str, str]]:
    return nights.rows("select status, message from runs order by started_at")  # type: ignore[return-value]


def test_stages_run_alone_and_one_after_the_other_publish(
    nightjar: Nightjar, nights: Nights, catalog: SmallCatalog
) -> None:
    catalog.save()
    first = nightjar("ingest", "--catalog", catalog.file)
    assert first.code == 0
    for words in (
        ["enrich"], ["embed"], ["label", "topics"], ["label", "similar"], ["label", "judge"], ["quality"], ["candidates"],
        ["train"], ["score"], ["evaluate"], ["publish"],
    ):  # fmt: skip
        ended = nightjar(*words)
        assert ended.code == 0, (words, ended.err)
    assert len(runs(nights)) == 12
    assert nights.published("recommendations")["user_id"].n_unique() == 20
    assert resolve_latest(nights.folder / "published").run_id == nights.column("select max(run_id) from runs")[0]


def test_run_of_some_stages_does_only_those(nightjar: Nightjar, nights: Nights, catalog: SmallCatalog) -> None:
    assert nightjar("run", "--catalog", catalog.save(), "--to", "ingest").code == 0
    assert nightjar("run", "--from", "enrich", "--to", "enrich").code == 0
    assert nights.column("select stage from stage_runs order by started_at") == ["ingest", "ingest gate", "enrich"]
    assert nights.value("select count(*) from enrichments") == 30


def test_closed_gate_exits_with_3_and_publishes_nothing(
    nightjar: Nightjar, nights: Nights, catalog: SmallCatalog
) -> None:
    catalog.more = "[gates]\nmin_items = 31"
    ended = nightjar("run", "--catalog", catalog.save())
    assert ended.code == 3
    assert ended.err.splitlines()[-1].startswith(
        "nightjar: catalog 'news': gate 'ingest' stopped the run: enough_items"
    )
    [(status, message)] = runs(nights)
    assert status == "gated"
    assert "enough_items" in message
    assert nights.rows("select stage, status from stage_runs order by started_at") == [
        ("ingest", "completed"),
        ("ingest gate", "failed"),
    ]
    assert not (nights.folder / "published").exists()
    assert "enough_items" in "".join(path.read_text("utf-8") for path in (nights.folder / "data_docs").rglob("*.html"))


def test_stage_that_can_not_run_exits_with_1_and_is_on_record(
    nightjar: Nightjar, nights: Nights, catalog: SmallCatalog
) -> None:
    ended = nightjar("score", "--catalog", catalog.save())
    assert ended.code == 1
    assert "nightjar: catalog 'news' has no candidates yet; run `nightjar candidates` first" in ended.err
    [(status, message)] = runs(nights)
    assert (status, "no candidates yet" in message) == ("failed", True)
    [(stage, note)] = nights.rows("select stage, notes[1] from stage_runs")
    assert (stage, "no candidates yet" in note) == ("score", True)


def test_second_run_at_the_same_time_is_refused(nightjar: Nightjar, nights: Nights, catalog: SmallCatalog) -> None:
    catalog.save()
    with hold_run_lock(nights.folder):
        refused = nightjar("ingest", "--catalog", catalog.file)
    assert refused.code == 1
    assert "is in use by process" in refused.err
    assert nightjar("ingest", "--catalog", catalog.file).code == 0


def test_simulated_users_are_written(nightjar: Nightjar, nights: Nights, catalog: SmallCatalog) -> None:
    catalog.has_users, catalog.events = False, []
    assert nightjar("ingest", "--catalog", catalog.save()).code == 0
    assert nightjar("simulate-users", "12", "--seed", "5").code == 0
    assert nights.rows("select origin, count(*) from users group by all") == [("simulated", 12)]


def test_run_of_a_process_that_died_is_marked_by_the_next(nights: Nights, catalog: SmallCatalog) -> None:
    start_run(nights.folder, "dead", as_of=DAY, catalogs=["news"], code_version="test")
    with open_run(RunRequest(catalogs=(catalog.save(),), warehouse=nights.folder)):
        pass
    assert runs(nights) == [("interrupted", "the process ended before the run did"), ("completed", "")]


def test_failed_step_is_recorded_although_its_stream_was_never_read_to_the_end(
    nightjar: Nightjar, nights: Nights, catalog: SmallCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.labeling.vectors.BATCH", 5)
    monkeypatch.setattr("tests.fake_embedder.HashingEmbedder.encode", _break_down)
    ended = nightjar("run", "--catalog", catalog.save(), "--from", "ingest", "--to", "embed")
    assert ended.code == 1
    assert runs(nights) == [("failed", "StepError: out of memory")]


def _break_down(*_: object, **__: object) -> None:
    raise StepError("out of memory")


def test_parameters_of_a_catalog_are_remembered(
    nightjar: Nightjar, nights: Nights, catalog: SmallCatalog, tmp_path: Path
) -> None:
    catalog.head = "[parameters]\nunused = 'nothing'"
    refused = nightjar("ingest", "--catalog", catalog.save(), "--param", "dta=x")
    assert refused.code == 2
    assert "no catalog file declares the parameter 'dta'; declared are unused" in refused.err
    assert nightjar("ingest", "--catalog", catalog.file, "--param", "unused=something").code == 0
    assert nightjar("ingest").code == 0
    assert nights.value("select parameters::text from catalogs") == '{"unused": "something"}'
