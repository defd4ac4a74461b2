"""Tells people how a run ended, through Prefect's notification blocks. Reads the run's record and the setting `hooks`.

A hook never fails a run and never holds it up for long: what goes wrong in one is a line of warning.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import cast

from prefect.blocks import notifications  # noqa: F401
from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block
from prefect.context import FlowRunContext
from prefect.utilities.urls import url_for

# Prefect finds a block's class only where its module was imported.
from flows import mail_block  # noqa: F401
from flows.hook_settings import LOG, HookEvent
from flows.hook_texts import Notice, write_notice
from flows.request import StageRequest
from flows.served import is_served, say
from flows.settings import Settings
from tasks.contracts.errors import ConfigError, NightjarError
from tasks.endings import ClosedGate, RunEnding, blank_values, read_ending
from warehouse.errors import WarehouseError

EVENT_OF: dict[str, HookEvent] = {
    "failed": "failure",
    "gated": "gate",
    "partial": "budget",
    "completed": "success",
    "interrupted": "crash",
}
PATIENCE_S = 45.0


def tell_ended(request: StageRequest, settings: Settings, *, status: str = "", message: str = "") -> None:
    """Tell those whom the settings name for the way in which the request's run ended; its row says which.

    status and message: what the row should say, where it could not be written.
    """

    def ended() -> None:
        ending = read_ending(settings.warehouse, str(request.run_id))
        if ending.status == "running":
            ending = replace(ending, status=status, message=blank_values(message))
        event = EVENT_OF.get(ending.status)
        # Of a backfill, which is many nights, its end says what succeeded; who stops a run at a terminal knows it.
        is_known = (request.is_backfill and event == "success") or (event == "crash" and sys.stderr.isatty())
        if event is not None and not is_known:
            tell(event, ending, settings)

    _never_fail(f"the end of run {request.run_id}", ended)


def tell_crashed(settings: Settings, run_ids: Sequence[str]) -> None:
    """Tell of runs whose process died; they are known when the next one starts."""
    for run_id in run_ids:
        _never_fail(f"the crash of run {run_id}", partial(_tell_crash, run_id, settings))


def _tell_crash(run_id: str, settings: Settings) -> None:
    tell("crash", read_ending(settings.warehouse, run_id), settings)


def tell(event: HookEvent, ending: RunEnding, settings: Settings) -> list[str]:
    """Tell everyone named for the event, one after the other; the names of those who could not be told."""
    names = settings.hooks.of(event)
    if not names:
        return []
    notice = write_notice(event, ending, url=_page())
    failed = []
    for name in names:
        if name == LOG:
            say(f"{notice.subject}. {notice.body}")
        elif problem := _try_in_time(partial(_send, name, notice)):
            failed.append(name)
            say(f"hook on_{event} could not tell {name!r}: {problem}; `nightjar hooks test {event}` tries it again")
    return failed


def example_ending(event: HookEvent) -> RunEnding:
    """A run that never was, for a trial of the hooks."""
    status = next(status for status, told in EVENT_OF.items() if told == event)
    gate = ClosedGate("example", "labels", "few_dead_letters", "0.31", "at most 0.05", "this is a trial of the hook")
    return RunEnding(
        run_id="trial",
        as_of=datetime.now(UTC).date(),
        status=status,
        catalogs=("example",),
        message="this is a trial of the hook; no run ended",
        started_at=datetime.now(UTC),
        seconds=0,
        failed_stage="topics of example" if event == "failure" else None,
        last_stage=None,
        requests=0,
        cost_usd=0.0,
        publication_id=None,
        gates=(gate,) if event == "gate" else (),
    )


def load_block(name: str) -> NotificationBlock:
    """The notification block TYPE/NAME. Raises ConfigError if Prefect has none of that name, or it can't notify."""
    try:
        block = Block.load(name)
    except (ValueError, RuntimeError) as error:
        raise ConfigError(
            f"Prefect has no block {name!r}; add it: `nightjar hooks add {name} --set KEY=VALUE`"
        ) from error
    if not isinstance(block, NotificationBlock):
        raise ConfigError(f"block {name!r} is a {type(block).__name__}, which can't notify; name a notification block")
    return block


def _send(name: str, notice: Notice) -> None:
    block = load_block(name)
    with block.raise_on_failure():
        # Prefect's blocks send at once where no event loop runs; their base class is declared for both.
        cast("Callable[[str, str], None]", block.notify)(notice.body, notice.subject)


def _try_in_time(work: Callable[[], None]) -> str:
    """What went wrong, "" if nothing did; work that takes too long goes on without us."""
    found: list[str] = []

    def run() -> None:
        try:
            work()
            found.append("")
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a hook, the run is not concerned
            found.append(_describe(error))

    thread = threading.Thread(target=run, daemon=True, name="nightjar-hook")
    thread.start()
    thread.join(PATIENCE_S)
    return found[0] if found else f"no answer in {PATIENCE_S:.0f} s"


def _never_fail(what: str, work: Callable[[], object]) -> None:
    try:
        work()
    except Exception as error:  # noqa: BLE001 - see the module's first lines
        say(f"nobody was told of {what}: {_describe(error)}")


def _describe(error: Exception) -> str:
    # A URL or a header in the text may hold a secret.
    if isinstance(error, (NightjarError, WarehouseError)):
        return str(error)
    status = getattr(getattr(error, "response", None), "status_code", None)
    return type(error).__name__ if status is None else f"{type(error).__name__}, status {status}"


def _page() -> str | None:
    """The page of the flow run that we are in; None where its server ends with the command."""
    context = FlowRunContext.get()
    return url_for("flow-run", obj_id=context.flow_run.id) if is_served() and context and context.flow_run else None
