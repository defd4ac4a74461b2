"""Runs one step for each catalog of a request, times it, records it and tells the operator.

Every stage flow stands on `run_stage`; `open_run` gives a stage that is run alone a run of its own.
"""

from __future__ import annotations

import importlib.metadata
import resource
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from flows.console import announce, progress_for
from flows.request import RunRequest
from flows.settings import Settings, load_settings
from tasks.contracts.catalog import Catalog
from tasks.contracts.catalog_file import declared_parameters, load_catalog
from tasks.contracts.choose import check_labelers
from tasks.contracts.context import StepContext
from tasks.contracts.errors import ConfigError, GateFailedError
from tasks.contracts.report import StepReport, StoppedStage
from tasks.quality import refresh_docs
from tasks.runs import finish_run, hold_lock, known_catalogs, record_stage, start_run
from warehouse.clock import utc_now

Step = Callable[[StepContext], StepReport]


def run_stage(stage: str, step: Step, request: RunRequest) -> list[StepReport]:
    """Run `step` for every catalog of the request, in a run of its own if the request names none."""
    with open_run(request) as (opened, settings):
        return [
            run_step(stage, step, make_context(opened, settings, file, catalog))
            for file, catalog in load_catalogs(opened, settings)
        ]


@contextmanager
def open_run(request: RunRequest) -> Iterator[tuple[RunRequest, Settings]]:
    """The request with a run id, and the settings; takes the lock and records the run, unless it belongs to another."""
    settings = load_settings(warehouse=request.warehouse)
    if request.run_id is not None:
        yield request, settings
        return
    opened = request.model_copy(update={"run_id": new_run_id(), "warehouse": settings.warehouse})
    names = [catalog.name for _, catalog in load_catalogs(opened, settings)]
    with hold_lock(settings.warehouse):
        start_run(
            settings.warehouse, str(opened.run_id), as_of=request.day(), catalogs=names, code_version=code_version()
        )
        status, message = "interrupted", "the process was stopped"
        try:
            yield opened, settings
            status, message = "completed", ""
        except GateFailedError as error:
            status, message = "gated", str(error)
            raise
        except Exception as error:
            status, message = "failed", f"{type(error).__name__}: {error}"[:2000]
            raise
        finally:
            refresh_docs(settings.warehouse, str(opened.run_id))
            finish_run(
                settings.warehouse, str(opened.run_id), status=status, message=message, peak_rss_mb=peak_rss_mb()
            )


def load_catalogs(request: RunRequest, settings: Settings) -> list[tuple[Path, Catalog]]:
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
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{suffix}"


def code_version() -> str:
    """The installed version of Nightjar."""
    return importlib.metadata.version("nightjar")


def peak_rss_mb() -> float:
    """The highest resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


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
        code_version=code_version(),
        limit=request.limit,
        shard_users=settings.shard_users,
        threads=settings.threads,
        memory_limit_mb=settings.memory_limit_mb,
        keep_runs=settings.keep_runs,
        keep_publications=settings.keep_publications,
        is_strict=request.strict,
        refit_topics=request.refit_topics,
    )
    check_labelers(context)
    return context


def run_step(stage: str, step: Step, context: StepContext) -> StepReport:
    started_at, clock = utc_now(), time.monotonic()
    try:
        with progress_for(f"{stage} {context.catalog.name}") as progress:
            report = step(replace(context, progress=progress))
    except StoppedStage as stopped:
        report = _timed(stopped.report, clock)
        record_stage(context.folder, context.run_id, report, status="partial", started_at=started_at)
        announce(report)
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
    announce(report)
    return report


def _timed(report: StepReport, clock: float) -> StepReport:
    return replace(report, seconds=round(time.monotonic() - clock, 3), peak_rss_mb=round(peak_rss_mb(), 1))
