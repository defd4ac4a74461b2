"""serve: offers the flows to a Prefect server and runs them, one at a time, until it is stopped.

`nightly` and `weekly` have a schedule; each stage, `review-import`, `digest` and `report` wait to be started by hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, FlowFilter, FlowRunFilter
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner
from prefect.schedules import Cron
from prefect.states import Crashed, Scheduled
from prefect.types.entrypoint import EntrypointType

from flows.console import out
from flows.digest import digest_flow
from flows.nightly import STAGE_FLOWS, nightly_flow
from flows.report_flow import report_flow
from flows.request import RunRequest
from flows.review_import import review_import_flow
from flows.settings import Settings
from flows.stage import load_catalogs
from flows.weekly import weekly_flow
from tasks.contracts.errors import ConfigError
from tasks.runs import is_locked

TAG = "nightjar"
POLL_SECONDS = 2.0
GRACE_SECONDS = 30.0
DEAD = "the process ended before the run did; retry this run, or start another: it goes on from there"


@dataclass(frozen=True)
class Schedules:
    """When what runs: cron lines, "" for never, and the time zone in which they are meant."""

    nightly: str = "15 3 * * *"
    weekly: str = "0 12 * * 0"
    timezone: str = "UTC"


def build_deployments(request: RunRequest, schedules: Schedules) -> list[RunnerDeployment]:
    """All deployments, with what the request says of catalogs and parameters as their defaults.

    Raises ValueError for a cron line or a time zone that is none.
    """
    given = request.model_dump(mode="json", include={"catalogs", "parameters"}, exclude_defaults=True)
    catalogs = {name: value for name, value in given.items() if name == "catalogs"}
    stages = [_deploy(stage, flow, given) for stage, flow in STAGE_FLOWS.items()]
    return [
        _deploy("nightly", nightly_flow, given, cron=schedules.nightly, timezone=schedules.timezone),
        *stages,
        _deploy("weekly", weekly_flow, given, cron=schedules.weekly, timezone=schedules.timezone),
        _deploy("review-import", review_import_flow, catalogs),
        _deploy("digest", digest_flow, {}),
        _deploy("report", report_flow, {}),
    ]


def _deploy(
    name: str, flow: Flow[Any, Any], given: dict[str, Any], *, cron: str = "", timezone: str = "UTC"
) -> RunnerDeployment:
    # By module, so that a flow run finds its code from any folder.
    return flow.to_deployment(  # type: ignore[return-value]
        name,
        schedule=Cron(cron, timezone=timezone) if cron else None,
        concurrency_limit=1 if cron else None,
        parameters={"request": given},
        description=flow.description,
        tags=[TAG, "stage"] if name in STAGE_FLOWS else [TAG],
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def check_request(request: RunRequest, settings: Settings) -> None:
    """Raises ConfigError if a catalog can't be read; without any catalog the first run must name one."""
    if request.catalogs:
        load_catalogs(request, settings)
    elif request.parameters:
        raise ConfigError("--param has no catalog to go into; say --catalog FILE too")


def serve(deployments: Sequence[RunnerDeployment], settings: Settings) -> None:
    """Register the deployments and run what is due until Ctrl-C or SIGTERM; schedules stay active after that."""
    # A flow run is a process of its own, which reads the settings again: it must find the same warehouse from any folder.
    os.environ["NIGHTJAR_WAREHOUSE"] = str(settings.warehouse.resolve())
    with get_client(sync_client=True) as client:
        mark_dead(client, settings)
        missed = take_missed(client)
        runner = _Runner(name="nightjar", limit=1, pause_on_shutdown=False, query_seconds=POLL_SECONDS)
        ids = {deployment.name: _register(runner, deployment) for deployment in deployments}
        catch_up(client, {name: id for name, id in ids.items() if name in missed})
    # It says every two seconds what waits for its turn, which the page shows.
    logging.getLogger("prefect.runner").setLevel(logging.WARNING)
    # A shell that started us in the background had Ctrl-C ignored, and with it our own way to end.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(runner.start())


class _Runner(Runner):
    """Prefect's runner, which on SIGTERM ends as on Ctrl-C at a terminal: the flow run at work is told too.

    Prefect's own handler leaves it behind. What a flow run was told to end is on record as interrupted.
    """

    def handle_sigterm(self, *_: object) -> None:
        for process in _flow_run_processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)
        # In a thread, for a flow run takes some seconds to put its end on record, and only the loop can see it end.
        threading.Thread(target=_end_after_flow_runs, daemon=True).start()


def _end_after_flow_runs() -> None:
    deadline = time.monotonic() + GRACE_SECONDS
    while _flow_run_processes() and time.monotonic() < deadline:
        time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGINT)


def _flow_run_processes() -> list[int]:
    """The processes that this one has started, but for the server, which is in a session of its own and ends last."""
    children = []
    for process in _child_processes():
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(process) == os.getsid(0):
                children.append(process)
    return children


def _child_processes() -> list[int]:
    listed = [path.read_text() for path in Path("/proc/self/task").glob("*/children")]
    if not listed:  # not on Linux
        listed = [subprocess.run(["pgrep", "-P", str(os.getpid())], check=False, capture_output=True, text=True).stdout]
    return [int(process) for text in listed for process in text.split()]


def _register(runner: Runner, deployment: RunnerDeployment) -> UUID:
    registered: Any = runner.add_deployment(deployment)
    return UUID(str(registered))


def mark_dead(client: SyncPrefectClient, settings: Settings) -> int:
    """Mark our flow runs that are "Running" although nobody holds the warehouse as Crashed; how many there were.

    A process that was killed can't tell the server; until somebody does, the run holds its place under the limit of one.
    """
    if is_locked(settings.warehouse):
        return 0
    states = [StateType.RUNNING, StateType.CANCELLING]
    dead = client.read_flow_runs(
        flow_filter=FlowFilter(name={"any_": list(_flow_names())}),  # type: ignore[arg-type]
        flow_run_filter=FlowRunFilter(state={"type": {"any_": states}}),  # type: ignore[arg-type]
    )
    for run in dead:
        client.set_flow_run_state(run.id, Crashed(message=DEAD), force=True)
        out.print(f"flow run {run.name!r} was marked as crashed: {DEAD}", markup=False)
    return len(dead)


def take_missed(client: SyncPrefectClient) -> set[str]:
    """The deployments that were due on schedule while nobody served them; the runs that Prefect kept for them are deleted.

    Prefect would run each of them, one after the other, and all would make the same night.
    """
    late = FlowRunFilter(
        state={"type": {"any_": [StateType.SCHEDULED]}},  # type: ignore[arg-type]
        next_scheduled_start_time={"before_": datetime.now(UTC)},  # type: ignore[arg-type]
    )
    ours = DeploymentFilter(tags={"all_": [TAG]})  # type: ignore[arg-type]
    found: list[FlowRun] = client.read_flow_runs(flow_run_filter=late, deployment_filter=ours)
    missed = [run for run in found if run.auto_scheduled and run.deployment_id is not None]
    names = {client.read_deployment(id).name for id in {run.deployment_id for run in missed if run.deployment_id}}
    for run in missed:
        client.delete_flow_run(run.id)
    return names


def catch_up(client: SyncPrefectClient, missed: dict[str, UUID]) -> None:
    """Start each once, however often it was missed: a night takes in all that has happened since the last."""
    for name, id in missed.items():
        client.create_flow_run_from_deployment(id, state=Scheduled(), tags=["caught-up"])
        out.print(f"{name} was missed while nobody served it; it runs once now", markup=False)


def _flow_names() -> set[str]:
    others: list[Flow[Any, Any]] = [nightly_flow, weekly_flow, review_import_flow, digest_flow, report_flow]
    return {flow.name for flow in (*others, *STAGE_FLOWS.values())}
