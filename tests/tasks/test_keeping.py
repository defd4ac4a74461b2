"""keeping: of an unchanged night nothing is done again; of each kind of change exactly what depends on it."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tasks.keeping
from flows.stage import run_step
from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.keeping import ALL, ORDER, StageKeeper, kept_days
from tasks.publish import confirm_latest
from tasks.report import write_run_report
from tasks.runs import finish_run, start_run
from tests.fake_embedder import HashingEmbedder
from tests.night import DAY, GATE, STAGES, Nights, SmallCatalog, plug_embedder
from warehouse.connection import open_warehouse
from warehouse.publication import resolve_latest

LISTS = {"candidates", "train", "score", "evaluate", "publish"}


def run_night(nights: Nights, *, keeps: bool = True, **changes: Any) -> dict[str, StepReport]:
    """All stages as nightly runs them, without Prefect: the reports by stage."""
    for catalog in nights.catalogs:
        catalog.save()
    nights.n_runs += 1
    start_run(nights.folder, nights.run_id, as_of=DAY, catalogs=["news"], code_version="test")
    context = nights.context(**changes)
    return {stage: run_one(stage, context, keeps=keeps) for stage in STAGES}


def run_one(stage: str, context: StepContext, *, keeps: bool = True) -> StepReport:
    module, name = ("quality", "check_ingest") if stage == GATE else (stage, stage)
    step: Callable[[StepContext], StepReport] = getattr(importlib.import_module(f"tasks.{module}"), name).fn
    context = replace(context, keeps=keeps)
    if stage == "publish":
        return run_step(stage, step, context, name=ALL, confirm=confirm_latest)
    return run_step(stage, step, context)


def done(reports: dict[str, StepReport]) -> set[str]:
    """The stages that were not kept, but for ingest, which looks at its files itself."""
    return {stage for stage, report in reports.items() if not report.kept_from} - {"ingest"}


def published(nights: Nights) -> dict[str, bytes]:
    """Every published file but the pointer, with its bytes."""
    root = nights.folder / "published"
    return {
        str(path): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != "latest.json"
    }


def plug(patched: pytest.MonkeyPatch) -> None:
    """An embedder without a model, for which a step looks at the same setting."""
    plug_embedder(patched, HashingEmbedder())
    for module in ("tasks.embed", "tasks.enrich", "tasks.labeling.build", "tasks.rewrite"):
        plugged = sys.modules[module].embedder_for  # type: ignore[attr-defined]
        patched.setattr(
            f"{module}.embedder_for", lambda context, plugged=plugged: plugged(context.embedding_model and context)
        )


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """The first night, on which everything is done."""
    folder = tmp_path_factory.mktemp("first")
    catalog = SmallCatalog(folder / "catalog")
    catalog.more = "[recommend]\ntop_n = 5\n"
    nights = Nights(folder / "warehouse", [catalog])
    with pytest.MonkeyPatch.context() as patched:
        plug(patched)
        assert done(run_night(nights)) == set(ORDER)
    return nights


@pytest.fixture
def nights(first: Nights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nights:
    """A copy of the warehouse after the first night, and the catalog to change."""
    plug(monkeypatch)
    shutil.copytree(first.folder, tmp_path / "warehouse", symlinks=True)
    catalog = SmallCatalog(tmp_path / "catalog")
    catalog.more = first.catalogs[0].more
    catalog.save()
    return Nights(tmp_path / "warehouse", [catalog], n_runs=first.n_runs)


def test_unchanged_night_keeps_all_and_confirms_what_is_published(nights: Nights) -> None:
    before, latest = published(nights), resolve_latest(nights.folder / "published")
    reports = run_night(nights)
    assert done(reports) == set()
    assert reports["train"].notes == ("unchanged since run r001: kept, 400 in, 400 out",)
    assert published(nights) == before
    assert resolve_latest(nights.folder / "published").publication_id == latest.publication_id
    pointer = json.loads((nights.folder / "published/latest.json").read_text(encoding="utf-8"))
    assert (pointer["run"], pointer["confirmed"]["run"]) == ("r001", "r002")
    kept = nights.rows(
        "select distinct stage, kept_from from stage_runs where run_id = 'r002' and kept_from is not null"
    )
    assert {stage for stage, _ in kept} == set(ORDER)
    finish_run(nights.folder, "r002", status="completed", message="", peak_rss_mb=1.0)
    page = write_run_report(nights.folder, "r002").read_text(encoding="utf-8")
    assert "unchanged since run r001" in page


def add_event(nights: Nights) -> None:
    nights.catalogs[0].events.append({"user": "u03", "item": "i29", "event": "like", "at": "2026-10-30T10:00:00"})


def change_text(nights: Nights) -> None:
    nights.catalogs[0].items["i03"]["text"] += " More is known by now."


def review(nights: Nights) -> None:
    row = {
        "catalog": "news", "task": "judge", "answer": "3", "reviewer": "ann", "note": "", "source": "sheet",
        "reviewed_at": datetime(2026, 11, 1), "imported_at": datetime(2026, 11, 1),
        "question_key": nights.value("select profile_hash || '|' || content_hash from judge_labels order by 1 limit 1"),
    }  # fmt: skip
    with open_warehouse(nights.folder) as warehouse:
        warehouse.insert("human_labels", pl.DataFrame([row]))


def rename(nights: Nights) -> None:
    nights.catalogs[0].head = 'title = "Another name"'


def configure(text: str) -> Callable[[Nights], None]:
    def change(nights: Nights) -> None:
        nights.catalogs[0].more += text

    return change


def due(nights: Nights, **changes: Any) -> set[str]:
    """The stages that a change makes due by itself, when the sources are read; what these make may make others due."""
    nights.catalogs[0].save()
    nights.n_runs += 1
    start_run(nights.folder, nights.run_id, as_of=DAY, catalogs=["news"], code_version="test")
    context = nights.context(**changes)
    run_one("ingest", context)
    names = {stage: ALL if stage == "publish" else "" for stage in ORDER}
    return {stage for stage in ORDER if StageKeeper(stage, context, name=names[stage]).find_kept() is None}


NO_ANSWER = {"rerank", "explain", "rewrite"}
"""Nobody is asked in these stages, so that nothing can be due."""
AGEING = {"candidates", "train", "score", "evaluate", "rerank", "explain"}
RULE = "[[rules]]\nname = 'cheap'\nitem = 'price'\ntest = 'at_most'\nvalue = 9\n"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (change_text, set(ORDER) - NO_ANSWER),
        (add_event, {GATE, "relations", "judge", *LISTS}),
        (review, {"judge", "quality", *LISTS}),
        (configure("diversity = 0.3\n"), {"candidates", "score", "publish"}),
        (configure(RULE), {"candidates", "train", "score"}),
        (configure("[similar]\nmin_cosine = 0.4\n"), {"similar"}),
        (configure("[gates]\nmin_items = 2\n"), {GATE, "quality", *LISTS}),
        (rename, {"train", "publish"}),
    ],
    ids=["text", "event", "label", "diversity", "rule", "similar", "gates", "title"],
)
def test_change_makes_due_what_reads_it(nights: Nights, change: Callable[[Nights], None], expected: set[str]) -> None:
    change(nights)
    assert due(nights) == expected


def test_change_goes_on_to_what_was_made_of_it(nights: Nights) -> None:
    add_event(nights)
    reports = run_night(nights)
    assert done(reports) == {GATE, "relations", "judge", *LISTS}
    assert "interactions" in reports["candidates"].notes[-1]
    latest = resolve_latest(nights.folder / "published")
    assert latest.run_id == "r002"
    assert {"catalog": "news", "stage": "topics", "run": "r001", "as_of": str(DAY)} in latest.manifest["kept"]


def test_another_model_makes_due_what_embeds(nights: Nights) -> None:
    found = due(nights, embedding_model="another")
    assert {"enrich", "embed"} <= found
    assert found.isdisjoint(LISTS)


def test_changed_code_makes_all_due(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.keeping, "code_digest", lambda: "another")
    assert due(nights) == set(ORDER)


def test_lists_are_kept_for_some_days_and_never_for_an_earlier_one(nights: Nights) -> None:
    assert due(nights, as_of=DAY + timedelta(days=7)) == set()
    assert due(nights, as_of=DAY + timedelta(days=8)) == AGEING
    assert due(nights, as_of=DAY - timedelta(days=1)) >= AGEING


@pytest.mark.parametrize(
    "more", ["exploration_slots = 1\n", "[[rules]]\nname = 'new'\nitem = 'age_days'\ntest = 'at_most'\nvalue = 9\n"]
)
def test_lists_of_a_day_are_never_kept_for_the_next(nights: Nights, more: str) -> None:
    nights.catalogs[0].save()
    assert kept_days(nights.context()) == 7
    nights.catalogs[0].more += more
    nights.catalogs[0].save()
    assert kept_days(nights.context()) == 0


def test_interaction_of_a_later_day_is_due_when_the_day_has_come(nights: Nights) -> None:
    nights.catalogs[0].events.append({"user": "u03", "item": "i29", "event": "like", "at": "2026-11-03T10:00:00"})
    assert "candidates" not in due(nights)
    assert "candidates" in due(nights, as_of=DAY + timedelta(days=2))


def test_damaged_or_missing_shard_is_made_again(nights: Nights) -> None:
    (shard, *_) = sorted((nights.folder / "runs/r001/news/candidates").glob("*.parquet"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    assert due(nights) == {"candidates"}
    shutil.rmtree(shard.parent)
    assert due(nights) == {"candidates"}


def test_stage_that_failed_or_left_a_question_is_done_again(nights: Nights) -> None:
    def fail(context: StepContext) -> StepReport:
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError, match="out of luck"):
        run_step("embed", fail, nights.context())
    with open_warehouse(nights.folder) as warehouse:
        letter = {"catalog": "news", "task": "topics", "question_key": "k", "fingerprint": "f", "labeler": "l"}
        rest = {
            "reason": "refused",
            "raw_reply": "",
            "attempts": 1,
            "run_id": "r001",
            "created_at": datetime(2026, 11, 1),
        }
        warehouse.insert("dead_letters", pl.DataFrame([letter | rest]))
    run_one("topics", nights.context(), keeps=False)
    assert {"embed", "topics"} <= due(nights)


def test_publication_that_is_damaged_or_rolled_back_is_made_again(nights: Nights) -> None:
    (file, *_) = sorted((nights.folder / "published/labels").rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    nights.n_runs += 1
    start_run(nights.folder, nights.run_id, as_of=DAY, catalogs=["news"], code_version="test")
    report = run_one("publish", nights.context())
    assert not report.kept_from
    assert resolve_latest(nights.folder / "published").run_id == "r002"


def test_stage_that_is_asked_for_is_done(nights: Nights) -> None:
    assert not run_one("relations", nights.context(), keeps=False).kept_from
    assert run_one("relations", nights.context(), keeps=True).kept_from == "r001"
