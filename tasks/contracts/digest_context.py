"""DigestContext: what the step digest is told. Plain values; the password is in memory only, and masked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from tasks.contracts.context import Progress, ignore_progress
from tasks.contracts.digesting import DigestConfig, DigestSection, MailServer


@dataclass(frozen=True)
class Channel:
    """Where the users of a space have address and consent, and which items, as "catalog/item_id", nobody is to get."""

    config: DigestConfig = field(default_factory=DigestConfig)
    blocked: tuple[str, ...] = ()


@dataclass(frozen=True)
class DigestContext:
    """One digest run. day is the day that a user gets one digest of; channels are by user space.

    server None: written to a folder. needs_address: a space whose channel has no address is left out. to: a folder to look
    at, without a record; is_dry: count only. users: these alone.
    patience_s is how long to wait for a warehouse in use, whose process on_wait is told; claim_users how many are claimed
    before they are sent. is_patient: nobody waits for the run, so that it may be tried again for minutes.
    """

    run_id: str
    folder: Path
    day: date
    channels: Mapping[str, Channel]
    options: DigestSection = field(default_factory=DigestSection)
    server: MailServer | None = None
    needs_address: bool = False
    to: Path | None = None
    is_dry: bool = False
    users: tuple[str, ...] = ()
    shard_users: int = 2000
    claim_users: int = 100
    memory_limit_mb: int | None = None
    patience_s: float = 6 * 3600.0
    is_patient: bool = False
    retry_waits_s: tuple[float, ...] = (1.0, 5.0)
    progress: Progress = ignore_progress
    on_wait: Callable[[str], None] | None = None

    @property
    def is_preview(self) -> bool:
        """Whether nothing is recorded: what is only looked at was not delivered."""
        return self.is_dry or self.to is not None
