"""Runs one step for each catalog of a request, times it, records it and tells the operator.

Every stage flow stands on `run_stage`; `open_run` gives a stage that is run alone a run of its own.
"""

from __future__ import annotations

import importlib.metadata
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

from prefect import Task
from prefect.utilities.annotations import quote

from flows.artifacts import leave_artifacts, show_progress
from flows.console import announce, progress_for
from flows.hooks import tell_crashed, tell_ended
from flows.memory import peak_rss_mb
from flows.report import try_report
from flows.request import RunRequest, StageRequest
from flows.served import is_served, say
from flows.settings import Settings, load_settings
from flows.workers import current_pool, open_pool
from tasks.contracts.catalog import Catalog
from tasks.contracts.catalog_file import declared_parameters, load_catalog
from tasks.contracts.choose import check_labelers
from tasks.contracts.context import StepContext
from tasks.contracts.errors import ConfigError, GateFailedError
from tasks.contracts.report import StepReport, StoppedStage
from tasks.keeping import StageKeeper
from tasks.quality import refresh_docs
from tasks.runs import finish_run, hold_lock, known_catalogs, record_stage, settle_clock, start_run
from warehouse.clock import utc_now
from warehouse.failures import explain_failure

Step = Callable[[StepContext], StepReport]
Confirm = Callable[[StepContext, StepReport], StepReport | None]
"""Is given the report of a stage that could be kept; None: do it."""

SERVED_LOCK_WAIT_S = 3600.0
TELLS_BEHIND_S = 5.0


def run_stage(stage: str, step: Step, request: StageRequest) -> list[StepReport]:
    """Run `step` for every catalog of the request, in a run of its own if the request names none."""
    with open_run(request) as (opened, settings):
        return [
            run_step(stage, step, make_context(opened, settings, file, catalog))
            for file, catalog in load_catalogs(opened, settings)
        ]


@contextmanager
def open_run(request: StageRequest, *, writes_report: bool = False) -> Iterator[tuple[RunRequest, Settings]]:
    """The request with a run id, and the settings; takes the lock and records the run, unless it belongs to another.

    However the run ends, it leaves its artifacts, with writes_report its page, and tells those whom the hooks name.
    """
    settings = load_settings(warehouse=request.warehouse)
    if request.run_id is not None:
        yield _as_run(request), settings
        return
    folder, day = settings.warehouse, request.day()
    with hold_lock(folder, wait_s=_lock_wait(settings), on_wait=_say_waiting):
        # The day is settled once: a night that begins before midnight ends on the day on which it began.
        as_of = request.day() if _is_clock_behind(request, settings) else day
        opened = _as_run(request, run_id=new_run_id(), warehouse=folder, as_of=as_of)
        run_id = str(opened.run_id)
        _start(opened, settings)
        status, message = "interrupted", "the process was stopped"
        try:
            with open_pool(settings.scale, run_id=run_id, owner=str(folder.resolve())):
                yield opened, settings
            status, message = "completed", ""
        except GateFailedError as error:
            status, message = "gated", str(error)
            raise
        except Exception as error:
            status, message = "failed", (explain_failure(error) or f"{type(error).__name__}: {error}")[:2000]
            raise
        finally:
            try:
                finish_run(folder, run_id, status=status, message=message, peak_rss_mb=peak_rss_mb())
                refresh_docs(folder, run_id)
                leave_artifacts(settings, run_id, report=try_report(folder, run_id) if writes_report else None)
            finally:
                # On a full disk nothing can be recorded, and then people must be told all the more.
                tell_ended(opened, settings, status=status, message=message)


def _is_clock_behind(request: StageRequest, settings: Settings) -> bool:
    is_day_given, wait_s = request.as_of is not None, _lock_wait(settings)
    behind = settle_clock(settings.warehouse, is_day_given=is_day_given, wait_s=wait_s, on_wait=say)
    behind_s = behind.total_seconds()
    if behind_s > TELLS_BEHIND_S:
        say(f"this machine's clock is {behind_s:.0f} s behind the warehouse's last run; its time goes on from there")
    return behind_s > 0


def _start(opened: RunRequest, settings: Settings) -> None:
    crashed = start_run(
        settings.warehouse,
        str(opened.run_id),
        as_of=opened.day(),
        catalogs=[catalog.name for _, catalog in load_catalogs(opened, settings)],
        code_version=code_version(),
        is_backfill=opened.is_backfill,
    )
    tell_crashed(settings, crashed)


def _as_run(request: StageRequest, **changes: object) -> RunRequest:
    known = {name: value for name, value in request.model_dump().items() if name in RunRequest.model_fields}
    return RunRequest.model_validate(known | changes)


def _lock_wait(settings: Settings) -> float:
    """Somebody who stands at a terminal is told at once; a deployment's run has time."""
    if settings.lock_wait_s is not None:
        return settings.lock_wait_s
    return SERVED_LOCK_WAIT_S if is_served() else 0.0


def _say_waiting(owner: str) -> None:
    say(f"the warehouse is in use by process {owner}; waiting for that run to end")


def load_catalogs(request: StageRequest, settings: Settings) -> list[tuple[Path, Catalog]]:
    """The catalogs of a request: its own, else those of the settings, else those that the warehouse knows."""
    files = [(path, request.parameters) for path in request.catalogs or settings.catalogs]
    if not files:
        files = [(path, {**stored, **request.parameters}) for path, stored in known_catalogs(settings.warehouse)]
    if not files:
        raise ConfigError(
            "no catalog is given and the warehouse knows none; say --catalog FILE (see examples/sample/news.toml)"
        )
    declared = {path: declared_parameters(path) for path, _ in files}
    unknown = sorted(set(request.parameters) - set().union(*declared.values()))
    if unknown:
        known = ", ".join(sorted(set().union(*declared.values()))) or "none"
        raise ConfigError(f"no catalog file declares the parameter {unknown[0]!r}; declared are {known}")
    loaded = [
        (path, load_catalog(path, {name: value for name, value in parameters.items() if name in declared[path]}))
        for path, parameters in files
    ]
    names = [catalog.name for _, catalog in loaded]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"two catalog files are named {twice[0]!r}; give each catalog a name of its own")
    return loaded


def new_run_id() -> str:
    """Sortable by time, unique: "20261121T031500-kqzb"; letters only at the end, for digits would read as a time zone."""
    suffix = "".join(secrets.choice("bcdfghjklmnpqrstvwxz") for _ in range(4))
    return f"{utc_now():%Y%m%dT%H%M%S}-{suffix}"


def code_version() -> str:
    """The installed version of Nightjar."""
    return importlib.metadata.version("nightjar")


def make_context(request: RunRequest, settings: Settings, file: Path, catalog: Catalog) -> StepContext:
    """What a step is told. Raises ConfigError if the catalog names an endpoint that the settings don't know."""
    context = StepContext(
        run_id=str(request.run_id),
        catalog=catalog,
        catalog_file=str(file.resolve()),
        folder=settings.warehouse,
        as_of=request.day(),
        endpoints=settings.read_endpoints(),
        endpoint=settings.endpoint,
        embedding_model=settings.embedding_model,
        embedding_precision=settings.embedding_precision,
        embedding_device=settings.embedding_device,
        code_version=code_version(),
        limit=request.limit,
        shard_users=settings.shard_users,
        threads=settings.threads,
        memory_limit_mb=settings.memory_limit_mb,
        keep_runs=settings.keep_runs,
        keep_publications=settings.keep_publications,
        keep_hours=settings.keep_hours,
        publish_to=settings.publish_to,
        is_strict=request.strict,
        refit_topics=request.refit_topics,
        is_backfill=request.is_backfill,
        keeps=request.keeps,
        pool=current_pool(),
    )
    check_labelers(context)
    return context


def run_step(
    stage: str,
    step: Step,
    context: StepContext,
    *,
    name: str = "",
    confirm: Confirm | None = None,
) -> StepReport:
    """Do a stage for a catalog, or, if the context keeps, let stand what it left if nothing that it reads has changed.

    name is the catalog that its reports name, if another. confirm has the last word where a stage could be kept.
    """
    started_at, clock = utc_now(), time.monotonic()
    keeper = StageKeeper(stage, context, name=name)
    try:
        report = keeper.find_kept() if context.keeps else None
        if report is not None and confirm is not None:
            report = confirm(context, report)
        if report is None:
            report = _do(stage, step, context, keeper)
    except StoppedStage as stopped:
        report = _timed(stopped.report, clock)
        record_stage(context.folder, context.run_id, report, status="partial", started_at=started_at)
        _announce(report)
        raise
    except Exception as error:
        failed = StepReport(
            stage=stage, catalog=context.catalog.name, notes=(f"{type(error).__name__}: {error}"[:2000],)
        )
        record_stage(context.folder, context.run_id, _timed(failed, clock), status="failed", started_at=started_at)
        raise
    report = _timed(report, clock)
    status = "partial" if report.is_partial else "completed"
    record_stage(context.folder, context.run_id, report, status=status, started_at=started_at)
    _announce(report)
    return report


def _do(stage: str, step: Step, context: StepContext, keeper: StageKeeper) -> StepReport:
    title = f"{stage} {context.catalog.name}"
    shown = show_progress(title) if is_served() else progress_for(title)
    with shown as progress, keeper.watch(progress) as (watched, remember):
        report = _call(step, watched)
        remember(report)
    return replace(report, notes=(*report.notes, keeper.note)) if keeper.note else report


def _call(step: Step, context: StepContext) -> StepReport:
    called = step.func if isinstance(step, partial) else step
    if not isinstance(called, Task):
        return step(context)
    # Quoted, Prefect does not search it for what earlier tasks returned, and so draws no arrows where nothing flows.
    return cast("Callable[[object], StepReport]", step)(quote(context))


def _announce(report: StepReport) -> None:
    # In a deployment's run the task has logged the same line already.
    if not is_served():
        announce(report)


def _timed(report: StepReport, clock: float) -> StepReport:
    return replace(report, seconds=round(time.monotonic() - clock, 3), peak_rss_mb=round(peak_rss_mb(), 1))
