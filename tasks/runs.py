"""The run's own records: what ran, what each stage did, where its files are. Reads and writes runs, stage_runs, stage_outputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

import polars as pl

from tasks.contracts.report import StepReport
from warehouse.clock import utc_now
from warehouse.connection import DATABASE, open_warehouse
from warehouse.leftovers import sweep_leftovers
from warehouse.lock import hold_run_lock, lock_owner


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
                    "started_at": [started_at],
                    "finished_at": [utc_now()],
                },
                schema_overrides={"notes": pl.List(pl.String)},
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
