"""report: the page of a run, for the command `nightjar report` and for the end of a night."""

from __future__ import annotations

from pathlib import Path

from flows.console import out
from tasks.report import write_run_report


def write_report(folder: Path, run_id: str | None = None, *, output: Path | None = None) -> Path:
    """Write the page of a run (none: the last that ended); its path. Raises ConfigError for an unknown run."""
    return write_run_report(folder, run_id, output=output)


def try_report(folder: Path, run_id: str) -> Path | None:
    """The same for the end of a night, which a report must never fail: an error is a line, and there is no page."""
    try:
        return write_report(folder, run_id)
    except Exception as error:  # noqa: BLE001  whatever it is, the run has ended and its data stand
        out.print(
            f"warning: no report of run {run_id}: {type(error).__name__}: {error};"
            f" try it again with `nightjar report {run_id}`",
            markup=False,
        )
        return None


def print_report(folder: Path, run_id: str | None, *, output: Path | None) -> None:
    """Write the page and say where it lies."""
    out.print(str(write_report(folder, run_id, output=output)), markup=False, soft_wrap=True)
