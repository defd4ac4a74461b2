"""digest: the latest publication -> a mail a user, or a folder to look at."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from flows.console import announce, progress_for
from flows.memory import peak_rss_mb
from flows.served import flow, is_served, say
from flows.settings import Settings, load_settings
from flows.stage import code_version, new_run_id
from tasks.contracts.catalog import Catalog, hash_config
from tasks.contracts.catalog_file import load_catalog
from tasks.contracts.digest_context import Channel, DigestContext
from tasks.contracts.errors import ConfigError
from tasks.contracts.report import StepReport
from tasks.digest import digest, known_catalogs, record_run
from tasks.runs import hold_lock, record_stage
from warehouse.clock import utc_now
from warehouse.digests import refuse_past_day

WAIT_S = 6 * 3600.0


class DigestRequest(BaseModel):
    """Today's digests, or a look at them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    as_of: date | None = Field(
        None,
        title="Day",
        description="The day that everybody gets one digest of. Empty: today, in the zone of the settings.",
    )
    dry_run: bool = Field(
        False, title="Dry run", description="Count who would get what; send, write and record nothing."
    )
    users: tuple[str, ...] = Field((), title="Users", description="Ids of users; empty: all.")
    to: Path | None = Field(
        None, title="Folder", description="Write the digests there to look at; send and record nothing."
    )
    warehouse: SkipJsonSchema[Path | None] = Field(None, description="folder of the warehouse; none: the setting")

    @property
    def dated(self) -> str:
        """The day as text, for the names of runs."""
        return "today" if self.as_of is None else self.as_of.isoformat()


@flow(name="digest")
def digest_flow(request: DigestRequest) -> list[StepReport]:
    """Mail each user what is best and new to them, at most once a day."""
    settings = load_settings(warehouse=request.warehouse)
    context = _make_context(request, settings)
    started_at, clock = utc_now(), time.monotonic()
    with progress_for("digest") as progress:
        report = digest(replace(context, progress=progress))
    report = replace(report, seconds=round(time.monotonic() - clock, 3), peak_rss_mb=round(peak_rss_mb(), 1))
    if not context.is_preview:
        _record(context, report, started_at)
    announce(report)
    return [report]


def _record(context: DigestContext, report: StepReport, started_at: datetime) -> None:
    record_run(context, report, started_at=started_at, code_version=code_version())
    status = "partial" if report.is_partial else "completed"
    with hold_lock(context.folder, wait_s=context.patience_s):
        record_stage(context.folder, context.run_id, report, status=status, started_at=started_at)


def _today(request: DigestRequest, settings: Settings) -> date:
    """Where the readers are. Raises StepError where the clock was set back behind a day whose digests are sent."""
    today = datetime.now(ZoneInfo(settings.digest.timezone)).date()
    if not request.dry_run and request.to is None:
        refuse_past_day(settings.warehouse, today, patience_s=WAIT_S, on_wait=_say_waiting)
    return today


def _make_context(request: DigestRequest, settings: Settings) -> DigestContext:
    return DigestContext(
        run_id=new_run_id(),
        folder=settings.warehouse,
        day=request.as_of or _today(request, settings),
        channels=_find_channels(settings.warehouse),
        options=settings.digest,
        server=None if request.to or request.dry_run else settings.read_smtp(),
        needs_address=settings.smtp is not None and request.to is None,
        to=request.to,
        is_dry=request.dry_run,
        users=request.users,
        shard_users=settings.shard_users,
        memory_limit_mb=settings.memory_limit_mb,
        patience_s=WAIT_S,
        is_patient=is_served(),
        on_wait=_say_waiting,
    )


def _say_waiting(owner: str) -> None:
    say(f"the warehouse is in use by process {owner}; waiting until it is free")


def _find_channels(folder: Path) -> dict[str, Channel]:
    """Where each user space has addresses, from the catalog files that the warehouse was filled from."""
    known = known_catalogs(folder, patience_s=WAIT_S, on_wait=_say_waiting)
    catalogs = []
    for row in known:
        catalog = load_catalog(row.file, row.parameters)
        if catalog.digest.named and hash_config(catalog) != row.config_hash:
            raise ConfigError(
                f"catalog file {str(row.file)!r} was changed since its last ingest, so that addresses and consents may not be"
                " those that it names now; run `nightjar ingest` or the night first"
            )
        catalogs.append((row.file, catalog))
    spaces: dict[str, list[tuple[Path, Catalog]]] = {}
    for file, catalog in catalogs:
        spaces.setdefault(catalog.user_space, []).append((file, catalog))
    return {space: _join(of_space) for space, of_space in spaces.items()}


def _join(catalogs: Iterable[tuple[Path, Catalog]]) -> Channel:
    """What the catalogs of one space say together: users are the same people, so their addresses are stated once for all."""
    listed = list(catalogs)
    named = {catalog.name: catalog.digest for _, catalog in listed if catalog.digest.named}
    blocked = tuple(f"{catalog.name}/{item_id}" for _, catalog in listed for item_id in catalog.blocked_items)
    if not named:
        return Channel(blocked=blocked)
    (name, config), *others = named.items()
    for other, differing in others:
        if differing != config:
            raise ConfigError(
                f"catalogs {name!r} and {other!r} have the same users and different [digest] sections; say the same"
            )
    # Whichever catalog is ingested last writes the users' attributes: one that drops the consent would forget who wants none.
    for file, catalog in listed:
        for source in catalog.users:
            for key, attribute in config.named.items():
                if attribute not in source.attributes:
                    raise ConfigError(
                        f"catalog file {str(file)!r} lists users of {catalog.user_space!r} without the attribute {attribute!r},"
                        f" which [digest] of {name!r} names as digest.{key}; keep it there: attributes = [{attribute!r}]"
                    )
    return Channel(config, blocked)
