"""What Prefect is told of a run: states with the next step, artifacts under fixed keys, names, and a retried night."""

from __future__ import annotations

import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import State, StateType
from prefect.flow_engine import run_flow
from prefect.states import Running, Scheduled

from flows.nightly import nightly_flow
from flows.request import RunRequest
from flows.score import score_flow
from flows.serve import Schedules, _flow_run_processes, build_deployments, catch_up, mark_dead, take_missed
from flows.settings import Settings
from tasks.contracts.errors import StepError
from tests.night import DAY, Nights, SmallCatalog
from tests.tasks.conftest import UnfinishedLabeler
from warehouse.errors import LockedError, WarehouseError
from warehouse.lock import hold_run_lock

pytestmark = pytest.mark.usefixtures("prefect_server", "embedder")


@pytest.fixture(autouse=True)
def _no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page of a run costs seconds and has its own tests."""
    monkeypatch.setattr("flows.stage.try_report", lambda folder, run_id: None)


@pytest.fixture
def request_(nights: Nights, catalog: SmallCatalog) -> RunRequest:
    return RunRequest(catalogs=(catalog.save(),), warehouse=nights.folder, as_of=DAY)


def artifacts_of(state: State[Any]) -> dict[str, Any]:
    """The artifacts of a flow run by key."""
    with get_client(sync_client=True) as client:
        found = client.request(
            "POST",
            "/artifacts/filter",
            json={"artifacts": {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}},
        )
    return {one["key"]: one for one in found.json()}


def test_completed_stages_leave_a_summary_and_say_how_many_they_were(request_: RunRequest) -> None:
    state = nightly_flow(request_.model_copy(update={"to_stage": "embed"}), return_state=True)
    assert (state.type, state.name) == (StateType.COMPLETED, "Completed")
    assert state.message == "4 stages done"
    artifacts = artifacts_of(state)
    assert set(artifacts) == {"run-summary", "gates", "links"}
    assert "# Completed: 2026-11-01, news" in artifacts["run-summary"]["data"]
    assert "| ingest | news | completed |" in artifacts["run-summary"]["data"]
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(state.state_details.flow_run_id).name == f"nightly {DAY}"
        tasks = client.request(
            "POST", "/task_runs/filter", json={"flow_runs": {"id": {"any_": [str(state.state_details.flow_run_id)]}}}
        )
    assert {one["name"] for one in tasks.json()} == {"ingest news", "ingest gate news", "enrich news", "embed news"}


def test_closed_gate_is_a_state_of_its_own_with_rows_and_mend(request_: RunRequest, catalog: SmallCatalog) -> None:
    catalog.more = "[gates]\nmin_items = 31"
    catalog.save()
    state = nightly_flow(request_, return_state=True)
    assert (state.type, state.name) == (StateType.FAILED, "Gated")
    assert "enough_items observed n_items 30" in str(state.message)
    artifacts = artifacts_of(state)
    assert "1 critical failures" in artifacts["gates"]["data"]
    assert "**What to do:** " in artifacts["gates"]["data"]
    assert "the last publication stands" in artifacts["run-summary"]["data"]


def test_partial_run_is_completed_and_counts_what_stays_due(
    request_: RunRequest, catalog: SmallCatalog, unfinished: UnfinishedLabeler
) -> None:
    catalog.more = "[gates]\nmax_topic_share = 1.0"
    catalog.save()
    unfinished.limits = {"topics": 7}
    state = nightly_flow(request_.model_copy(update={"to_stage": "topics"}), return_state=True)
    assert (state.type, state.name) == (StateType.COMPLETED, "Partial")
    assert state.message == "questions that stay due: news topics 23; run it again, and it goes on from there"


def test_error_reaches_the_caller_and_its_mend_the_page(request_: RunRequest) -> None:
    state = score_flow(request_, return_state=True)
    assert state.name == "Failed"
    assert "run `nightjar candidates` first" in str(state.message)
    with pytest.raises(WarehouseError, match="no candidates yet"):
        score_flow(request_)


def test_retried_night_is_the_same_flow_run_and_labels_nothing_twice(
    request_: RunRequest, nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = request_.model_copy(update={"to_stage": "topics"})

    def break_down(*_: object, **__: object) -> None:
        raise StepError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr("tasks.topics.open_warehouse", break_down)
        first = nightly_flow(night, return_state=True)
    assert (first.name, first.message) == ("Failed", "the disk is full")
    with get_client(sync_client=True) as client:
        flow_run_id = first.state_details.flow_run_id
        client.set_flow_run_state(flow_run_id, Scheduled(name="AwaitingRetry"), force=True)
        flow_run = client.read_flow_run(flow_run_id)
    again = run_flow(nightly_flow, flow_run=flow_run, parameters={"request": night}, return_type="state")
    assert again.name == "Completed"
    assert again.state_details.flow_run_id == flow_run_id
    run_ids = nights.column("select run_id from runs order by started_at")
    assert nights.column("select status from runs order by started_at") == ["failed", "completed"]
    labeled = "select rows_in from stage_runs where stage in ('enrich', 'embed') and run_id ="
    assert min(nights.column(f"{labeled} '{run_ids[0]}'")) > 0
    assert set(nights.column(f"{labeled} '{run_ids[1]}'")) == {0}
    assert nights.value("select count(distinct content_hash) from topic_labels") == 30


def test_flow_run_of_a_dead_process_is_marked_only_while_the_lock_is_free(nights: Nights) -> None:
    settings = Settings(warehouse=nights.folder)
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(score_flow, parameters={}, state=Running())
        with hold_run_lock(nights.folder):
            assert mark_dead(client, settings) == 0
        assert mark_dead(client, settings) == 1
        marked = client.read_flow_runs(flow_run_filter=FlowRunFilter(id={"any_": [run.id]}))[0].state
        assert (marked.type, "retry this run" in marked.message) == (StateType.CRASHED, True)
        assert mark_dead(client, settings) == 0


def test_run_waits_for_the_one_before_it(nights: Nights) -> None:
    told: list[str] = []
    first = threading.Event()

    def hold() -> None:
        with hold_run_lock(nights.folder):
            first.set()
            time.sleep(0.7)

    thread = threading.Thread(target=hold)
    thread.start()
    first.wait()
    with (
        pytest.raises(LockedError, match="is still in use by process .* after 0 seconds of waiting"),
        hold_run_lock(nights.folder, wait_s=0.1),
    ):
        pass
    with hold_run_lock(nights.folder, wait_s=30, on_wait=told.append):
        assert len(told) == 1
    thread.join()


def test_missed_night_runs_once_however_often_it_was_missed() -> None:
    nightly = build_deployments(RunRequest(), Schedules("15 3 * * *", ""))[0]
    with get_client(sync_client=True) as client:
        deployment_id = UUID(str(nightly.apply()))
        now = datetime.now(UTC)
        past = {"start_time": (now - timedelta(days=4)).isoformat(), "end_time": now.isoformat(), "max_runs": 10}
        client.request("POST", "/deployments/{id}/schedule", path_params={"id": deployment_id}, json=past)
        due = FlowRunFilter.model_validate(
            {
                "deployment_id": {"any_": [deployment_id]},
                "next_scheduled_start_time": {"before_": now + timedelta(minutes=5)},
            }
        )
        assert len(client.read_flow_runs(flow_run_filter=due)) > 1
        assert take_missed(client) == {"nightly"}
        nightly.apply()
        assert client.read_flow_runs(flow_run_filter=due) == []
        catch_up(client, {"nightly": deployment_id})
        [run] = client.read_flow_runs(flow_run_filter=due)
        assert "caught-up" in run.tags
        assert take_missed(client) == set()
        client.delete_deployment(deployment_id)


def test_children_of_this_process_are_found_but_for_those_of_another_session() -> None:
    child = subprocess.Popen(["sleep", "30"])
    server = subprocess.Popen(["sleep", "30"], start_new_session=True)
    try:
        found = _flow_run_processes()
        assert child.pid in found
        assert server.pid not in found
    finally:
        child.kill(), server.kill()
        child.wait(), server.wait()
