"""The ledger of digests, and what they are made of: short visits to the warehouse, between which it is free for others.

Reads users, interactions, items and a publication's files; reads and writes `digests`. A visit holds the run lock and the
database, waits for both, and lasts milliseconds to seconds: mails are sent between visits, whatever time they take.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from warehouse.connection import DATABASE, Warehouse, open_warehouse
from warehouse.errors import LockedError, WarehouseError
from warehouse.lock import hold_run_lock

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class DigestDay:
    """Whose ledger is kept: the users of one space on one day, by one run. is_sent: by mail, not to a folder."""

    user_space: str
    day: date
    run_id: str
    publication_id: str
    is_sent: bool


@contextmanager
def visit(
    folder: Path, *, patience_s: float, memory_limit_mb: int | None = None, on_wait: Callable[[str], None] | None = None
) -> Iterator[Warehouse]:
    """The warehouse for a moment; waits up to patience_s for a run that has it. Raises LockedError after that."""
    with ExitStack() as stack:
        stack.enter_context(hold_run_lock(folder, wait_s=patience_s, on_wait=on_wait, is_brief=True))
        yield _open_when_free(stack, folder, patience_s, memory_limit_mb)


def refuse_past_day(
    folder: Path, day: date, *, patience_s: float, on_wait: Callable[[str], None] | None = None
) -> None:
    """Raise WarehouseError if digests of a later day were sent: the clock was set back, and readers would get a second one."""
    if not (folder / DATABASE).exists():
        return
    with visit(folder, patience_s=patience_s, on_wait=on_wait) as warehouse:
        last: date | None = warehouse.value("queries/last_digest_day")
    if last is not None and last > day:
        raise WarehouseError(
            f"this machine's clock says {day}, but digests of {last} were sent; set the clock, or, if it is right, name the"
            f" day: nightjar digest --as-of {day}"
        )


def next_users(
    warehouse: Warehouse, of: DigestDay, *, after: str, n_users: int, user_ids: Sequence[str], is_preview: bool,
    address: str | None, consent: str | None,
) -> pl.DataFrame:  # fmt: skip
    """user_id, name, address, consent of the next users who are due; address and consent are attributes of theirs, or None."""
    paths = {"address_path": _path(address), "consent_path": _path(consent)}
    return warehouse.query(
        "queries/digest_users", user_space=of.user_space, day=of.day, after=after, n_users=n_users, user_ids=list(user_ids),
        is_preview=is_preview, is_sent=of.is_sent, **paths,
    )  # fmt: skip


def fresh_rows(
    warehouse: Warehouse, of: DigestDay, user_ids: Sequence[str], *, files: Mapping[str, Sequence[Path]], n_items: int,
    blocked: Sequence[str], repeat_after_days: int,
) -> pl.DataFrame:  # fmt: skip
    """What these users are to be told of, sorted by user, catalog and rank.

    Columns: user_id, catalog, rank, item_id, title, url, reason, topic, summary, text (its first 4,000 characters).
    files: those of recommendations and item_enrichments, of one publication. blocked: "catalog/item_id". What a digest of
    the last repeat_after_days days held is left out.
    """
    if not user_ids:
        return pl.DataFrame({"user_id": []}, schema={"user_id": pl.String})
    return warehouse.query(
        "queries/digest_rows", user_space=of.user_space, user_ids=list(user_ids), first=min(user_ids), last=max(user_ids),
        recommendations=[str(path) for path in files["recommendations"]],
        enrichments=[str(path) for path in files["item_enrichments"]], n_items=n_items, blocked=list(blocked),
        day=of.day, is_sent=of.is_sent, repeat_after_days=repeat_after_days,
    )  # fmt: skip


def claim(warehouse: Warehouse, of: DigestDay, rows: Sequence[Mapping[str, Any]], *, now: datetime) -> set[str]:
    """Claim today's digest of users, all in one transaction; the users who are ours now: others had or have theirs.

    rows: user_id, n_items, items ("catalog/item_id"), message_id.
    """
    user_ids = [row["user_id"] for row in rows]
    stated = {
        "user_space": of.user_space, "day": of.day, "run_id": of.run_id, "publication_id": of.publication_id,
        "state": "claimed", "claimed_at": now,
    }  # fmt: skip
    key = {"user_space": of.user_space, "day": of.day, "user_ids": user_ids}
    if of.is_sent:
        warehouse.run("queries/forget_written_digests", **key)
    with warehouse.transaction():
        warehouse.insert("digests", pl.DataFrame([{**row, **stated} for row in rows]), on_conflict="ignore")
        return set(warehouse.query("queries/claimed_digests", run_id=of.run_id, **key)["user_id"])


def finish(warehouse: Warehouse, of: DigestDay, outcomes: Sequence[Mapping[str, Any]], *, now: datetime) -> None:
    """Record what became of claimed digests; rows of user_id, state, reply, attempts. The state "due" gives a claim back."""
    key = {"user_space": of.user_space, "day": of.day, "run_id": of.run_id}
    ended = [row for row in outcomes if row["state"] != "due"]
    due = [row["user_id"] for row in outcomes if row["state"] == "due"]
    with warehouse.transaction():
        if ended:
            columns = {"states": "state", "replies": "reply", "attempts": "attempts", "user_ids": "user_id"}
            warehouse.run(
                "queries/finish_digests", now=now, **key,
                **{name: [row[column] for row in ended] for name, column in columns.items()},
            )  # fmt: skip
        if due:
            warehouse.run("queries/release_digests", user_ids=due, **key)


def _path(attribute: str | None) -> str | None:
    """The JSON path of an attribute, whatever its name holds."""
    return None if attribute is None else f"$.{json.dumps(attribute, ensure_ascii=False)}"


def _open_when_free(stack: ExitStack, folder: Path, patience_s: float, memory_limit_mb: int | None) -> Warehouse:
    """Open the database; somebody who only looks at it (`nightjar sql`) may have it without the lock."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return stack.enter_context(open_warehouse(folder, memory_limit_mb=memory_limit_mb))
        except LockedError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(POLL_SECONDS)
