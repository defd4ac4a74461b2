"""What a run leaves in the Prefect UI, under fixed keys, so that the page shows each one's history.

run-summary, gates and links (Markdown), metrics and costs (tables), plan (a table, before the labelers are asked), and
progress-<stage>-<catalog> while a stage works. An artifact that can't be made is a line of warning and never fails a run.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger

from flows.artifact_texts import cost_rows, gates_text, links_text, metric_rows, plan_rows, summary_text
from flows.settings import Settings
from tasks.account import read_account
from tasks.contracts.context import Progress
from tasks.contracts.plan import PlanLine

PROGRESS_SECONDS = 10.0


def leave_artifacts(settings: Settings, run_id: str, *, report: Path | None) -> None:
    """The artifacts of a run that has ended; report is its page, if there is one. Outside a flow run nothing happens."""
    if FlowRunContext.get() is None:
        return
    with _never_failing(f"the artifacts of run {run_id}"):
        account = read_account(settings.warehouse, run_id)
        links = links_text(account, settings, report=report)
        create_markdown_artifact(
            summary_text(account, links=links), key="run-summary", description=f"run {run_id}: {account.run['status']}"
        )
        create_markdown_artifact(gates_text(account), key="gates", description=f"gates of run {run_id}")
        create_markdown_artifact(links, key="links", description=f"pages of run {run_id}")
        metrics, costs = metric_rows(account), cost_rows(account)
        if metrics:
            create_table_artifact(metrics, key="metrics", description=f"metrics of run {run_id} on held-out users")
        if costs:
            create_table_artifact(costs, key="costs", description=f"what run {run_id} asked for and what it cost")


def leave_plan(make_lines: Callable[[], Sequence[PlanLine]]) -> None:
    """What the labeling stages are about to do; make_lines works it out, and may fail too."""
    with _never_failing("the plan"):
        create_table_artifact(
            plan_rows(make_lines()), key="plan", description="what is due tonight, before it is asked"
        )


@contextmanager
def show_progress(title: str) -> Iterator[Progress]:
    """A sink for (done, total) that keeps a progress artifact: made when a stage has worked for ten seconds, renewed as often."""
    bar = _Bar(title)
    yield bar.show
    bar.finish()


class _Bar:
    """A progress artifact, renewed now and then; it is left alone once it could not be."""

    def __init__(self, title: str) -> None:
        self._title, self._key = title, f"progress-{re.sub(r'[^a-z0-9]+', '-', title.lower()).strip('-')}"
        self._last, self._is_broken = time.monotonic(), False
        self._id: UUID | None = None

    def show(self, done: int, total: int | None) -> None:
        if self._is_broken or time.monotonic() - self._last < PROGRESS_SECONDS:
            return
        self._last = time.monotonic()
        share = min(100.0, 100.0 * done / total) if total else 0.0
        self._renew(share, f"{self._title}: {done}{f' of {total}' if total else ''} done")

    def finish(self) -> None:
        if self._id is not None:
            self._renew(100.0, f"{self._title}: ended")

    def _renew(self, share: float, text: str) -> None:
        self._is_broken = True
        with _never_failing(f"the progress of {self._title}"):
            if self._id is None:
                self._id = cast("UUID", create_progress_artifact(share, key=self._key, description=text))
            else:
                update_progress_artifact(self._id, share, description=text)
            self._is_broken = False


@contextmanager
def _never_failing(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001  whatever it is: what is shown of a run must not change how it ends
        get_run_logger().warning("%s can't be shown on the page: %s: %s", what, type(error).__name__, error)
