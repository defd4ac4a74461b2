"""Asks every labeler of a task, one after the other, and notes who they are today. Writes panel_members.

Time and memory are those of the labelers, one at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.errors import ConfigError
from tasks.contracts.report import StepReport, StoppedStage
from tasks.labelers.protocol import Labeler, Task
from tasks.labeling.build import build_labeler
from warehouse.clock import utc_now
from warehouse.connection import Warehouse


def ask_panel(
    task: Task, context: StepContext, warehouse: Warehouse, ask: Callable[[Labeler], StepReport]
) -> StepReport:
    """Let each labeler of the catalog's list answer what it has not answered yet; one report of all of them.

    `ask` lands the answers of one labeler. The first labeler's answers count where nothing is combined. Raises ConfigError
    where two names mean the same labeler, StoppedStage with all that was done on Ctrl-C.
    """
    reports: list[StepReport] = []
    known: dict[str, str] = {}
    panel = context.catalog.labelers.panel(task)
    for position, wanted in enumerate(panel):
        labeler = build_labeler(
            task, context, warehouse, wanted=wanted, spent=spent_by(reports), is_first=position == 0
        )
        fingerprint = labeler.fingerprint(task)
        if fingerprint in known:
            raise ConfigError(
                f"catalog {context.catalog.name!r} asks {known[fingerprint]!r} and {wanted!r} for {task!r}, which are the"
                " same labeler; name it once"
            )
        known[fingerprint] = wanted
        set_member(warehouse, context, task=task, position=position, role="member", labeler=labeler)
        try:
            reports.append(ask(labeler))
        except StoppedStage as stopped:
            raise StoppedStage(merge_reports([*reports, stopped.report])) from stopped
    warehouse.run("queries/forget_members", catalog=context.catalog.name, task=task, n_members=len(panel))
    return merge_reports(reports)


def set_member(
    warehouse: Warehouse,
    context: StepContext,
    *,
    task: Task,
    position: int,
    role: str,
    labeler: Labeler,
    fingerprint: str | None = None,
) -> None:
    """Note that `labeler` is one of those who answer `task` today; fingerprint where it is not the labeler's own."""
    row = {
        "catalog": context.catalog.name,
        "task": task,
        "position": position,
        "role": role,
        "fingerprint": fingerprint or labeler.fingerprint(task),
        "labeler": labeler.name,
        "run_id": context.run_id,
        "set_at": utc_now(),
    }
    warehouse.insert("panel_members", pl.DataFrame([row]), on_conflict="replace")


def spent_by(reports: Sequence[StepReport]) -> tuple[int, float]:
    """Requests and US dollars of all reports."""
    return sum(report.requests for report in reports), sum(report.cost_usd for report in reports)


def merge_reports(reports: Sequence[StepReport]) -> StepReport:
    """One report of several askings of one task; at least one is given."""
    first, dropped = reports[0], Counter[str]()
    for report in reports:
        dropped.update(report.dropped)
    return StepReport(
        stage=first.stage,
        catalog=first.catalog,
        rows_in=sum(report.rows_in for report in reports),
        rows_out=sum(report.rows_out for report in reports),
        dropped=dict(dropped),
        requests=sum(report.requests for report in reports),
        tokens_in=sum(report.tokens_in for report in reports),
        tokens_out=sum(report.tokens_out for report in reports),
        cost_usd=sum(report.cost_usd for report in reports),
        notes=tuple(dict.fromkeys(note for report in reports for note in report.notes)),
        is_partial=any(report.is_partial for report in reports),
        n_due=sum(report.n_due for report in reports),
    )
