"""quality: a closed gate stops the run, leaves its reasons as rows, and nothing leads around it."""

from __future__ import annotations

from typing import Any

import pytest
import tqdm.auto
import tqdm.std

from tasks.contracts.errors import GateFailedError
from tasks.quality import refresh_docs
from tests.night import GATE, Nights, SmallCatalog
from tests.scripted_labeler import ScriptedLabeler
from warehouse.connection import open_warehouse

LABELS = ("ingest", "enrich", "embed", "topics", "similar", "judge")


def failed(nights: Nights) -> list[Any]:
    return nights.column("select expectation from quality_results where not is_success order by 1")


def test_every_result_is_a_row(finished: Nights) -> None:
    counts = dict(finished.rows("select suite, count(*) from quality_results group by all"))
    assert set(counts) == {
        "ingest", "labels", "candidates", "features", "recommendations", "publication", "leakage",
    }  # fmt: skip
    assert failed(finished) == []


def test_too_few_items_stop_the_run_before_anything_is_paid(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.more = "[gates]\nmin_items = 31"
    with pytest.raises(GateFailedError, match=r"catalog 'news': gate 'ingest' stopped the run: enough_items .*31"):
        nights.run("ingest", GATE)
    assert failed(nights) == ["enough_items"]


def test_cut_source_stops_the_run_and_that_of_the_night_after(nights: Nights, catalog: SmallCatalog) -> None:
    nights.run("ingest", GATE)
    catalog.events = []
    catalog.items = dict(list(catalog.items.items())[:10])
    for _ in range(2):
        with pytest.raises(GateFailedError, match=r"few_items_gone observed .* Check that the source is not cut short"):
            nights.run("ingest", GATE)
    catalog.more = "[gates]\nmax_inactive_share = 0.7"
    nights.run("ingest", GATE)
    catalog.more = ""
    nights.run("ingest", GATE)
    assert nights.value("select n_gone from ingest_counts where run_id = 'r005' and kind = 'items'") == 0


def test_dead_letters_close_the_gate(nights: Nights, labeler: ScriptedLabeler) -> None:
    nights.run("ingest", "embed")
    labeler.broken = set(nights.column("select content_hash from items where item_id < 'i05'"))
    with pytest.raises(GateFailedError, match="gate 'labels' stopped the run: few_dead_letters"):
        nights.run(*LABELS, "quality")
    assert "few_dead_letters" in failed(nights)


def test_results_of_a_closed_gate_are_in_the_data_docs(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.more = "[gates]\nmin_items = 31"
    with pytest.raises(GateFailedError, match="enough_items"):
        nights.run("ingest", GATE)
    refresh_docs(nights.folder, "r001")
    pages = [path.read_text(encoding="utf-8") for path in (nights.folder / "data_docs").rglob("*.html")]
    assert any("enough_items" in page and "r001" in page for page in pages)


def test_missing_labels_close_the_gate(nights: Nights, catalog: SmallCatalog) -> None:
    nights.run(*LABELS, "quality")
    catalog.items["i30"] = {**catalog.items["i04"], "id": "i30", "text": "Something that nobody has labeled yet."}
    with pytest.raises(GateFailedError, match="gate 'labels' stopped the run: items_are_labeled"):
        nights.run("ingest", "quality")


def test_warning_is_told_and_stops_nothing(nights: Nights) -> None:
    nights.run(*LABELS, "quality")
    with open_warehouse(nights.folder) as warehouse:
        warehouse.connection.execute("delete from judge_labels where relevance = 0")
    report = nights.run("quality")["quality"]
    assert any(note.startswith("warning: pairs_are_labeled observed ") for note in report.notes)
    assert failed(nights) == ["pairs_are_labeled"]


def test_recommendations_that_leave_users_out_are_stopped(finished: Nights, catalog: SmallCatalog) -> None:
    catalog.users["u20"] = {"id": "u20", "interests": "food", "summary": "New, and not retrieved for."}
    catalog.users["u21"] = {"id": "u21", "interests": "food", "summary": "New, and not retrieved for."}
    with pytest.raises(GateFailedError, match="gate 'recommendations' stopped the run: users_are_covered"):
        finished.run("ingest", "score")


def test_nothing_is_published_around_a_closed_gate(finished: Nights, catalog: SmallCatalog) -> None:
    before = finished.published("recommendations")
    for number in (20, 21):
        catalog.users[f"u{number}"] = {"id": f"u{number}", "interests": "food", "summary": "Not retrieved for."}
    with pytest.raises(GateFailedError, match="users_are_covered"):
        finished.run("ingest", "score")
    with pytest.raises(GateFailedError, match=r"gate 'recommendations' is closed since run r002: .*last publication"):
        finished.run("publish")
    assert finished.published("recommendations").equals(before)
    finished.run("embed", "candidates", "score", "publish")
    assert finished.published("recommendations")["user_id"].n_unique() == 22


def test_progress_bars_of_others_begin_no_thread(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(tqdm.std, "TMonitor", lambda *given: begun.append(given))
    monkeypatch.setattr(tqdm.std.tqdm, "monitor_interval", 10)
    monkeypatch.setattr(tqdm.auto.tqdm, "monitor", None)
    nights.run("ingest", GATE)
    assert begun == []
