"""The run's own records: what ran, what each stage did, where its files are. Reads and writes runs, stage_runs, stage_outputs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from tasks.contracts.errors import StepError
from tasks.contracts.report import StepReport
from warehouse.clock import go_on_from, utc_now
from warehouse.connection import DATABASE, open_warehouse
from warehouse.errors import LockedError
from warehouse.leftovers import sweep_leftovers
from warehouse.lock import hold_run_lock, lock_owner

MAX_BEHIND = timedelta(hours=1)
"""How far a clock may have been set back before somebody must say which day it is."""


def settle_clock(
    folder: Path, *, is_day_given: bool, wait_s: float = 0.0, on_wait: Callable[[str], None] | None = None
) -> timedelta:
    """Let the time of this run begin after all that the warehouse knows; how far the machine's clock is behind that.

    A run without a day of its own takes the clock's. Raises StepError where the clock is so far behind that the day may be
    a wrong one: interactions after it would not exist for the run. The caller holds the run lock.

    Somebody who only looks may have the database open: waits for them up to wait_s, and tells on_wait of it once.
    """
    if not (folder / DATABASE).exists():
        return timedelta(0)
    newest = _read_newest(folder, time.monotonic() + wait_s, on_wait)
    behind = timedelta(0) if newest is None else go_on_from(newest)
    if behind > MAX_BEHIND and not is_day_given and newest is not None:
        raise StepError(
            f"this machine's clock says {newest - behind:%Y-%m-%d %H:%M} UTC, but the warehouse was written to at"
            f" {newest:%Y-%m-%d %H:%M}; set the clock, or, if it is right, name the day: --as-of {newest - behind:%Y-%m-%d}"
        )
    return behind


def _read_newest(folder: Path, deadline: float, on_wait: Callable[[str], None] | None) -> datetime | None:
    while True:
        try:
            with open_warehouse(folder) as warehouse:
                newest: datetime | None = warehouse.value("queries/newest_time")
                return newest
        except LockedError as error:
            if time.monotonic() >= deadline:
                raise
            if on_wait is not None:
                on_wait(str(error))
                on_wait = None


def start_run(
    folder: Path,
    run_id: str,
    *,
    as_of: date,
    catalogs: Sequence[str],
    code_version: str,
    is_backfill: bool = False,
) -> list[str]:
    """Record the start of a run; the ids of runs that a dead process left "running", which are marked as interrupted.

    What these left half written is swept. The caller holds the run lock, so that no other run can be alive.
    """
    with open_warehouse(folder) as warehouse, warehouse.transaction():
        crashed: list[str] = warehouse.query("queries/running_runs")["run_id"].to_list()
        warehouse.run("queries/mark_interrupted", now=utc_now())
        warehouse.insert(
            "runs",
            pl.DataFrame(
                {
                    "run_id": [run_id],
                    "as_of": [as_of],
                    "status": ["running"],
                    "catalogs": [list(catalogs)],
                    "started_at": [utc_now()],
                    "code_version": [code_version],
                    "is_backfill": [is_backfill],
                }
            ),
        )
    if crashed:
        sweep_leftovers(folder)
    return crashed


def finish_run(folder: Path, run_id: str, *, status: str, message: str, peak_rss_mb: float) -> None:
    """Record how a run ended: completed, partial, failed or gated."""
    with open_warehouse(folder) as warehouse:
        warehouse.run(
            "queries/finish_run", run_id=run_id, status=status, message=message, peak_rss_mb=peak_rss_mb, now=utc_now()
        )


def record_stage(folder: Path, run_id: str, report: StepReport, *, status: str, started_at: datetime) -> None:
    """Record what a stage did for one catalog."""
    with open_warehouse(folder) as warehouse:
        warehouse.insert(
            "stage_runs",
            pl.DataFrame(
                {
                    "run_id": [run_id],
                    "catalog": [report.catalog],
                    "stage": [report.stage],
                    "status": [status],
                    "rows_in": [report.rows_in],
                    "rows_out": [report.rows_out],
                    "dropped": [json.dumps(dict(report.dropped), sort_keys=True)],
                    "requests": [report.requests],
                    "tokens_in": [report.tokens_in],
                    "tokens_out": [report.tokens_out],
                    "cost_usd": [report.cost_usd],
                    "seconds": [report.seconds],
                    "peak_rss_mb": [report.peak_rss_mb],
                    "notes": [list(report.notes)],
                    "kept_from": [report.kept_from or None],
                    "started_at": [started_at],
                    "finished_at": [utc_now()],
                },
                schema_overrides={"notes": pl.List(pl.String), "kept_from": pl.String},
            ),
            on_conflict="replace",
        )


@contextmanager
def hold_lock(folder: Path, *, wait_s: float = 0.0, on_wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """One run at a time; the lock is freed when its process dies. on_wait is told the id of each process waited for."""
    with hold_run_lock(folder, wait_s=wait_s, on_wait=on_wait):
        yield


def is_locked(folder: Path) -> bool:
    """Whether a run is at work in the warehouse now."""
    return lock_owner(folder) is not None


def known_catalogs(folder: Path) -> list[tuple[Path, dict[str, str]]]:
    """The files and parameters of the catalogs that the last completed ingest of each saw; [] without a warehouse."""
    if not (folder / DATABASE).exists():
        return []
    with open_warehouse(folder, read_only=True) as warehouse:
        rows = warehouse.query("queries/known_catalogs").to_dicts()
    return [(Path(row["file"]), json.loads(row["parameters"])) for row in rows]
