"""plan: what tonight would take, without touching the warehouse or the network."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flows.plan import make_plan
from flows.request import RunRequest
from tasks.contracts.plan import PlanLine
from tests.fake_embedder import HashingEmbedder
from tests.flows.conftest import Nightjar
from tests.night import Nights, SmallCatalog
from warehouse.connection import DATABASE


def plan(nights: Nights) -> dict[str, PlanLine]:
    [catalog] = nights.catalogs
    request = RunRequest(catalogs=(catalog.save(),), warehouse=nights.folder)
    return {line.stage: line for line in make_plan(request)}


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob(f"{DATABASE}*")}


def test_first_night_has_everything_due(nights: Nights) -> None:
    lines = plan(nights)
    assert {stage: line.rows_due for stage, line in lines.items()} == {
        "ingest": 170, "enrich": 30, "embed": 50, "topics": 30, "similar": 0, "judge": 0,
    }  # fmt: skip
    assert lines["judge"].note == "about 160 more pairs are drawn for 20 new users"
    assert lines["similar"].note == "pairs of 30 new contents are known when they are embedded"
    assert not (nights.folder / DATABASE).exists()


def test_next_night_has_what_changed_due(nights: Nights, catalog: SmallCatalog, embedder: HashingEmbedder) -> None:
    nights.run("ingest", "enrich", "embed", "topics", "similar", "judge")
    assert {stage: line.rows_due for stage, line in plan(nights).items() if line.rows_due} == {"ingest": 170}
    catalog.items["i03"]["text"] += " More is known by now."
    catalog.items["i30"] = {**catalog.items["i04"], "id": "i30", "text": "Nothing like what was there before."}
    n_encoded = embedder.n_encoded
    due = {stage: line.rows_due for stage, line in plan(nights).items() if stage != "ingest"}
    assert due == {"enrich": 2, "embed": 2, "topics": 2, "similar": 0, "judge": 0}
    assert embedder.n_encoded == n_encoded
    reports = nights.run("ingest", "enrich", "embed", "topics")
    assert {stage: reports[stage].rows_in for stage in ("enrich", "embed", "topics")} == dict.fromkeys(
        ("enrich", "embed", "topics"), 2
    )


def test_warehouse_is_left_as_it_was(nights: Nights, catalog: SmallCatalog, nightjar: Nightjar) -> None:
    nights.run("ingest", "enrich", "embed", "topics", "similar", "judge")
    before = digest(nights.folder)
    catalog.items["i03"]["text"] += " More is known by now."
    catalog.save()
    assert nightjar("plan", "--catalog", catalog.file).code == 0
    assert nightjar("plan").code == 0
    assert digest(nights.folder) == before


def test_with_a_key_the_paid_labeler_is_estimated_and_not_asked(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, nightjar: Nightjar, catalog: SmallCatalog
) -> None:
    # The server's address takes no connection: a request would be an error here.
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("NIGHTJAR_PRICE_IN", "1.0")
    monkeypatch.setenv("NIGHTJAR_PRICE_OUT", "2.0")
    lines = plan(nights)
    assert [lines[task].labeler for task in ("enrich", "topics")] == ["openai:gpt-4o-mini"] * 2
    assert (lines["topics"].rows_due, lines["topics"].requests) == (30, 6)
    assert lines["topics"].tokens_in > 30 * 20
    assert lines["topics"].cost_usd == pytest.approx(
        (lines["topics"].tokens_in * 1.0 + lines["topics"].tokens_out * 2.0) / 1e6
    )
    shown = nightjar("plan", "--catalog", catalog.file, "--prompts")
    assert shown.code == 0
    assert "one request of news topics" in shown.out
    assert re.search(r"in all about \d+ requests, \d+ tokens, \$0\.\d+; nothing was asked or written", shown.out)
    assert "sk-test" not in shown.out


def test_what_a_killed_run_had_committed_is_not_due_again(nights: Nights, catalog: SmallCatalog) -> None:
    nights.run("ingest", "embed")
    dying = (
        "import os, signal, duckdb\n"
        f"connection = duckdb.connect({str(nights.folder / DATABASE)!r})\n"
        "connection.execute(\"delete from embeddings where run_id = 'r001'\")\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", dying], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert (nights.folder / f"{DATABASE}.wal").exists()
    assert plan(nights)["embed"].rows_due == 50


def test_plan_during_a_run_is_refused(nights: Nights, nightjar: Nightjar, catalog: SmallCatalog) -> None:
    from warehouse.lock import hold_run_lock

    nights.run("ingest")
    with hold_run_lock(nights.folder):
        refused = nightjar("plan", "--catalog", catalog.file)
    assert refused.code == 1
    assert f"is in use by process {os.getpid()}; wait for that run or stop it" in refused.err


def test_budget_that_ends_a_task_is_told(
    nights: Nights, catalog: SmallCatalog, monkeypatch: pytest.MonkeyPatch, nightjar: Nightjar
) -> None:
    monkeypatch.setenv("NIGHTJAR_ENDPOINT", "fake")
    catalog.more = "[budget.topics]\nmax_requests = 3"
    shown = nightjar("plan", "--catalog", catalog.save())
    assert shown.code == 0, shown.err
    assert "news topics: the budget of 3 requests ends this about at row 15 of 30" in shown.out
    catalog.more = "[budget]\nmax_cost_usd = 3.0"
    refused = nightjar("plan", "--catalog", catalog.save())
    assert refused.code == 2
    assert "the endpoint 'fake' has no prices" in refused.err
