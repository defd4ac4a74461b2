"""digest: the latest publication -> one mail a user and day, through a mail server or into a folder.

Reads latest.json and the publication that it names, users, interactions and items; writes the ledger `digests`. Users come
in shards and are claimed in small groups before their mails are handed over, so that no two runs or processes mail
one twice; the warehouse is free between. Time O(users + rows of their lists), memory O(shard of users).
"""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from tasks.contracts.digest_context import Channel, DigestContext
from tasks.contracts.errors import ConfigError, MissingInputError, StepError, TransientError
from tasks.contracts.report import StepReport
from tasks.mailing.address import BAD_ADDRESS, DOUBTFUL, NO_ADDRESS, UNSUBSCRIBED, read_address, refusal_of
from tasks.mailing.carriers import Carrier, make_carrier
from tasks.mailing.compose import compose
from tasks.mailing.message import Letter
from tasks.mailing.send import Outcome
from tasks.running import task
from warehouse.clock import utc_now
from warehouse.connection import DATABASE, Warehouse
from warehouse.digests import DigestDay, claim, finish, fresh_rows, next_users, visit
from warehouse.publication import Publication, confirmed_as_of, resolve_latest

NOTHING_NEW = "nothing new"
ALREADY = "had theirs today"
DUE = "left due"
REASONS = (NOTHING_NEW, UNSUBSCRIBED, DOUBTFUL, NO_ADDRESS, BAD_ADDRESS, "refused", "uncertain", DUE, ALREADY)
TAKEN = frozenset({"sent", "written"})


@dataclass
class _Run:
    """One digest run at work: what it reads from, who takes the letters, and what became of users so far."""

    context: DigestContext
    publication: Publication
    carrier: Carrier
    n_users: int = 0
    n_taken: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def visit(self) -> AbstractContextManager[Warehouse]:
        """The warehouse for a moment."""
        context = self.context
        return visit(
            context.folder,
            patience_s=context.patience_s,
            memory_limit_mb=context.memory_limit_mb,
            on_wait=context.on_wait,
        )


@task(name="digest", hours=24, run_name="digest")
def digest(context: DigestContext) -> StepReport:
    """Mail each user what is best and new to them, once a day. Errors of a mail server that may pass leave the rest due."""
    publication = resolve_latest(context.folder / "published")
    _refuse_old(context, publication)
    run = _Run(context, publication, make_carrier(context, now=lambda: utc_now().replace(tzinfo=UTC)))
    spaces = _titles_by_space(publication)
    notes: list[str] = []
    try:
        notes += _look_first(run, spaces)
        for user_space, titles in spaces.items():
            channel = context.channels.get(user_space, Channel())
            if channel.config.address or not context.needs_address:
                _serve(run, user_space, titles, channel)
    except TransientError as error:
        message = f"{error}; {run.n_taken} digests are delivered, the rest is due: run `nightjar digest` again"
        raise (TransientError(message) if context.is_patient else StepError(message)) from None
    finally:
        notes += run.carrier.close()
    return _report(run, notes)


def _refuse_old(context: DigestContext, publication: Publication) -> None:
    # A night on which nothing has changed confirms the publication; what is new to a user is known from the ledger.
    as_of = confirmed_as_of(publication.published)
    age = context.day - as_of
    if age.days > context.options.max_age_days and context.to is None:
        raise MissingInputError(
            f"the latest publication is of {as_of}, {age.days} days before {context.day}: readers would get yesterday's mail"
            " again. Publish anew, or raise digest.max_age_days"
        )


def _titles_by_space(publication: Publication) -> dict[str, dict[str, str]]:
    """The titles of the published catalogs by user space and name."""
    spaces: dict[str, dict[str, str]] = {}
    for catalog in publication.manifest["catalogs"]:
        spaces.setdefault(catalog["user_space"], {})[catalog["name"]] = catalog["title"]
    return dict(sorted(spaces.items()))


def _look_first(run: _Run, spaces: Mapping[str, object]) -> Iterator[str]:
    """Refuse what would reach nobody, and say what is on the ledger already."""
    context = run.context
    silent = [space for space in spaces if not context.channels.get(space, Channel()).config.address]
    if context.needs_address and len(silent) == len(spaces):
        raise ConfigError(
            "a mail server is set, and no catalog says where its users' addresses are; name the attribute in the catalog"
            ' file: [digest] with address = "email". Or look at digests without sending: nightjar digest --to FOLDER'
        )
    if context.needs_address:
        yield from (
            f"users of {space!r} get none: no catalog of theirs has [digest] with an address" for space in silent
        )
    with run.visit() as warehouse:
        for space in spaces:
            _check_attribute(warehouse, space, context.channels.get(space, Channel()).config.address)
        if context.to is not None:
            return
        states = warehouse.query("queries/digest_states", day=context.day)
    counts = dict(zip(states["state"], states["n_users"], strict=True))
    blocking = {name: n for name, n in counts.items() if not (name == "written" and context.needs_address)}
    run.dropped[ALREADY] += sum(blocking.values())
    if counts.get("claimed"):
        yield (
            f"{counts['claimed']} digests of {context.day} were claimed by a run that is still at work or was interrupted;"
            " they may have been sent, and are not sent again"
        )


def _check_attribute(warehouse: Warehouse, user_space: str, name: str | None) -> None:
    if name is None:
        return
    known = warehouse.query("queries/user_attributes", user_space=user_space)["name"].to_list()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        mend = f"did you mean {near[0]!r}?" if near else f"they have {', '.join(map(repr, known)) or 'no attributes'}"
        raise ConfigError(f"[digest] address = {name!r}, and no user of {user_space!r} has this attribute; {mend}")


def _serve(run: _Run, user_space: str, titles: Mapping[str, str], channel: Channel) -> None:
    """Every user of a space, shard by shard."""
    context, after = run.context, ""
    of = DigestDay(
        user_space, context.day, context.run_id, run.publication.publication_id, is_sent=context.needs_address
    )
    while True:
        with run.visit() as warehouse:
            users = next_users(
                warehouse, of, after=after, n_users=context.shard_users, user_ids=context.users,
                is_preview=context.to is not None, address=channel.config.address,
                consent=channel.config.unsubscribed or channel.config.subscribed,
            )  # fmt: skip
            if users.is_empty():
                return
            letters = _write_letters(run, warehouse, of, users, titles=titles, channel=channel)
        after = users["user_id"][-1]
        run.n_users += users.height
        for start in range(0, len(letters), context.claim_users):
            _deliver(run, of, letters[start : start + context.claim_users])
            context.progress(run.n_taken, None)


def _write_letters(
    run: _Run, warehouse: Warehouse, of: DigestDay, users: pl.DataFrame, *, titles: Mapping[str, str], channel: Channel
) -> list[Letter]:
    """The letters of a shard: of those who may be written to and for whom something is new."""
    options = run.context.options
    refused = {row["user_id"]: refusal_of(channel.config, row["address"], row["consent"]) for row in users.to_dicts()}
    run.dropped.update(reason for reason in refused.values() if reason)
    wanted = [user_id for user_id, reason in refused.items() if reason is None]
    rows = fresh_rows(
        warehouse, of, wanted, n_items=options.max_items, blocked=channel.blocked,
        repeat_after_days=options.repeat_after_days,
        files={table: run.publication.files(table) for table in ("recommendations", "item_enrichments")},
    )  # fmt: skip
    names = dict(zip(users["user_id"], users["name"], strict=True))
    digests = compose(
        rows.to_dicts(), user_space=of.user_space, names=names, titles=titles, day=of.day, max_items=options.max_items
    )
    run.dropped[NOTHING_NEW] += len(wanted) - len(digests)
    addresses = dict(zip(users["user_id"], users["address"], strict=True))
    return [Letter(digest, read_address(addresses[user_id] or "") or "") for user_id, digest in digests.items()]


def _deliver(run: _Run, of: DigestDay, letters: Sequence[Letter]) -> None:
    """Claim a group, hand it over, record what became of it. What was certainly not taken is given back, whatever happens."""
    ours = _claim(run, of, letters)
    outcomes: list[Outcome] = []
    try:
        for outcome in run.carrier.deliver(ours):
            outcomes.append(outcome)  # one by one, so that an error leaves those that were known
    except BaseException:
        known = {one.user_id for one in outcomes} | {run.carrier.in_flight}
        outcomes.extend(Outcome(letter.user_id, "due") for letter in ours if letter.user_id not in known)
        raise
    finally:
        _record(run, of, outcomes)
    put_off = [one.reply for one in outcomes if one.state == "due"]
    if put_off and len(put_off) == len(outcomes):
        raise TransientError(f"the mail server puts off every mail of a group of {len(put_off)}: {put_off[-1]}")


def _claim(run: _Run, of: DigestDay, letters: Sequence[Letter]) -> list[Letter]:
    if run.context.is_preview:
        return list(letters)
    rows = [
        {
            "user_id": letter.user_id,
            "n_items": letter.digest.n_picks,
            "items": letter.digest.items,
            "message_id": run.carrier.name_mail(letter),
        }
        for letter in letters
    ]
    with run.visit() as warehouse:
        ours = claim(warehouse, of, rows, now=utc_now())
    run.dropped[ALREADY] += len(letters) - len(ours)
    return [letter for letter in letters if letter.user_id in ours]


def _record(run: _Run, of: DigestDay, outcomes: Sequence[Outcome]) -> None:
    for one in outcomes:
        if one.state in TAKEN:
            run.n_taken += 1
        else:
            run.dropped[DUE if one.state == "due" else one.state] += 1
    if outcomes and not run.context.is_preview:
        with run.visit() as warehouse:
            finish(warehouse, of, [asdict(one) for one in outcomes], now=utc_now())


def _report(run: _Run, notes: Sequence[str]) -> StepReport:
    if run.context.users and not run.n_users and not run.dropped[ALREADY]:
        raise ConfigError(
            f'no active user has the id {run.context.users[0]!r}; `nightjar sql "select user_id from users"` lists them'
        )
    if run.dropped[DOUBTFUL]:
        notes = [
            *notes,
            f"{run.dropped[DOUBTFUL]} users get no mail: what their source says of consent is neither yes nor no",
        ]
    manifest = run.publication.manifest
    return StepReport(
        stage="digest",
        catalog="all",
        rows_in=run.n_users,
        rows_out=run.n_taken,
        dropped={reason: run.dropped[reason] for reason in REASONS if run.dropped[reason]},
        notes=(f"publication {run.publication.publication_id} of {manifest['as_of']}", *notes),
        is_partial=run.dropped[DUE] > 0,
        n_due=run.dropped[DUE],
    )


@dataclass(frozen=True)
class KnownCatalog:
    """A catalog file that the warehouse was filled from: with which values for its parameters, and what it held then."""

    file: Path
    parameters: dict[str, str]
    config_hash: str


def known_catalogs(
    folder: Path, *, patience_s: float, on_wait: Callable[[str], None] | None = None
) -> list[KnownCatalog]:
    """The catalogs of the warehouse; [] where there is none."""
    if not (folder / DATABASE).exists():
        return []
    with visit(folder, patience_s=patience_s, on_wait=on_wait) as warehouse:
        rows = warehouse.query("queries/known_catalogs").to_dicts()
    return [KnownCatalog(Path(row["file"]), json.loads(row["parameters"]), row["config_hash"]) for row in rows]


def record_run(context: DigestContext, report: StepReport, *, started_at: datetime, code_version: str) -> None:
    """Record the run once it is over: while it works others may run, so that it never stands as running."""
    with visit(context.folder, patience_s=context.patience_s) as warehouse:
        run = {
            "run_id": context.run_id,
            "as_of": context.day,
            "status": "partial" if report.is_partial else "completed",
            "catalogs": warehouse.query("queries/known_catalogs")["catalog"].to_list(),
            "started_at": started_at,
            "finished_at": utc_now(),
            "code_version": code_version,
        }
        warehouse.insert("runs", pl.DataFrame([run]))
