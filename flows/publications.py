"""What `nightjar publications`, `rollback`, `verify` and `contract check` do and print."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from rich.table import Table

from flows.console import out
from flows.settings import Settings
from tasks.contract import Check, check_contract
from tasks.contracts.errors import ContractBreakError
from tasks.inspection import verify_published
from tasks.publications import list_published, remove_published, roll_back
from tasks.replicas import read_replicas, send_replicas
from tasks.runs import hold_lock

MARKS = {True: "ok", False: "BREAK", None: "-"}


def print_publications(settings: Settings) -> None:
    """The publications on disk, newest first, and what each replica shows."""
    frame = list_published(settings.warehouse)
    if frame.is_empty():
        out.print("nothing is published yet; run `nightjar publish`", markup=False)
    else:
        out.print(_table(frame))
    for replica in read_replicas(settings.publish_to):
        out.print(replica.describe(), markup=False)


def _table(frame: pl.DataFrame) -> Table:
    """Without lines between the columns, so that a row fits a terminal of 120 characters."""
    table = Table(title="publications, newest first; times in UTC", title_justify="left", box=None, padding=(0, 1))
    for name in ("publication", "as of", "published", "rows", "MB", "gates", "standing", "since", "until"):
        table.add_column(name, justify="right" if name in ("rows", "MB") else "left", overflow="fold")
    for row in frame.iter_rows(named=True):
        if row["published_at"] is None:
            table.add_row(row["publication"], *("" for _ in range(5)), row["standing"], "", "")
            continue
        told = (("failed", row["failed"]), ("warned", row["warned"]))
        gates = ", ".join(f"{count} {name}" for name, count in told if count) or "ok"
        stay = (f"{at:%m-%d %H:%M}" if at else "" for at in (row["since"], row["until"]))
        table.add_row(
            row["publication"], str(row["as_of"]), f"{row['published_at']:%Y-%m-%d %H:%M}", f"{row['rows']:,}",
            f"{row['mb']:,.1f}", gates, row["standing"], *stay,
        )  # fmt: skip
    return table


def remove(settings: Settings, publication_id: str) -> None:
    """Remove a publication that is not the latest."""
    with hold_lock(settings.warehouse):
        removed = remove_published(settings.warehouse, publication_id)
    out.print(f"publication {removed.publication_id} is removed: {removed.n_bytes / 1e6:.1f} MB", markup=False)


def roll_back_to(settings: Settings, publication_id: str | None) -> None:
    """Make an earlier publication the latest, here and at every replica, and say so."""
    with hold_lock(settings.warehouse):
        done = roll_back(settings.warehouse, publication_id)
        now = done.publication
        out.print(
            f"publication {now.publication_id} (as of {now.as_of}) is the latest now, {done.previous_id or 'none'} was;"
            " the next publish goes on from here",
            markup=False,
        )
        if settings.publish_to:
            for replica in send_replicas(settings.warehouse, settings.publish_to, keep=settings.keep_publications):
                out.print(replica.describe(), markup=False)


def print_verification(folder: Path, publication_id: str | None) -> None:
    """Say that a publication is whole; WarehouseError says what is not."""
    publication = verify_published(folder, publication_id)
    out.print(
        f"publication {publication.publication_id} is whole: {publication.n_files} files, {publication.n_rows} rows"
    )


def print_contract_check(settings: Settings, publication_id: str | None, *, against: str | None) -> None:
    """A line a check. Raises ContractBreakError if one has failed."""
    publication, checks = check_contract(
        settings.warehouse, publication_id, against=against, memory_limit_mb=settings.memory_limit_mb
    )
    width = max(len(check.name) for check in checks)
    for check in checks:
        out.print(f"{MARKS[check.is_ok]:<5}  {check.name:<{width}}  {check.message}", markup=False)
    _conclude(publication.publication_id, checks)


def _conclude(publication_id: str, checks: list[Check]) -> None:
    failed = [check for check in checks if check.is_ok is False]
    if failed:
        names = ", ".join(dict.fromkeys(check.name for check in failed))
        raise ContractBreakError(
            f"publication {publication_id} breaks the contract: {len(failed)} of {len(checks)} checks failed ({names});"
            " if readers see it now, `nightjar rollback`"
        )
    out.print(f"publication {publication_id} holds the contract: {len(checks)} checks", markup=False)
