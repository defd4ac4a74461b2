"""Who takes a digest to its reader: the mail server, a folder, or nobody, where it is only counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

from tasks.contracts.digest_context import DigestContext
from tasks.contracts.digesting import DigestSection, MailServer
from tasks.mailing.folder import DigestFolder, sweep_days
from tasks.mailing.message import (
    PREVIEW_SENDER,
    Letter,
    MessageError,
    make_mail,
    message_id,
    read_sender,
    unsubscribe_link,
)
from tasks.mailing.render import render_html, render_text
from tasks.mailing.send import Courier, Envelope, Outcome

Clock = Callable[[], datetime]
DIGESTS = "digests"


class Carrier(Protocol):
    """Takes letters, and says of each what became of it."""

    @property
    def in_flight(self) -> str | None:
        """The user whose mail was handed over and not yet answered: it may have been taken."""

    def deliver(self, letters: Sequence[Letter]) -> Iterator[Outcome]:
        """The outcome of each letter, in any order."""

    def name_mail(self, letter: Letter) -> str:
        """The mail's Message-ID."""

    def close(self) -> tuple[str, ...]:
        """End the work; lines for the operator."""


class SmtpCarrier:
    """Sends them through the mail server."""

    def __init__(self, server: MailServer, options: DigestSection, *, waits_s: Sequence[float], now: Clock) -> None:
        self._options = options
        self._now = now
        self._sender = read_sender(server.section.sender)
        self._where = f"{server.section.host}:{server.section.port}"
        self._courier = Courier(
            server, sender=self._sender.address, messages_a_minute=options.messages_a_minute, waits_s=waits_s
        )

    @property
    def in_flight(self) -> str | None:
        """The user whose mail has been handed over without an answer yet."""
        return self._courier.in_flight

    def deliver(self, letters: Sequence[Letter]) -> Iterator[Outcome]:
        """Send them one after the other."""
        sealed = []
        for letter in letters:
            try:
                sealed.append(self._seal(letter))
            except MessageError as error:
                yield Outcome(letter.user_id, "refused", f"the mail can't be written: {error}")
        yield from self._courier.deliver(sealed)

    def name_mail(self, letter: Letter) -> str:
        """The mail's Message-ID."""
        return message_id(letter.digest, self._sender)

    def close(self) -> tuple[str, ...]:
        """Leave the server."""
        self._courier.close()
        return (f"through {self._where}, from {self._sender.address}",)

    def _seal(self, letter: Letter) -> Envelope:
        mail = make_mail(letter, self._options, sender=self._sender, now=self._now())
        return Envelope(letter.user_id, letter.address, mail.as_bytes())


class FolderCarrier:
    """Writes them to a folder, with a page that lists them."""

    in_flight: str | None = None

    def __init__(self, folder: Path, options: DigestSection, *, sender: str, day: date, now: Clock) -> None:
        self._folder = DigestFolder(folder)
        self._options = options
        self._sender = read_sender(sender)
        self._day = day
        self._now = now

    def deliver(self, letters: Sequence[Letter]) -> Iterator[Outcome]:
        """Write the files of each."""
        for letter in letters:
            link = unsubscribe_link(letter.digest, self._options)
            self._folder.write(
                letter,
                html=render_html(letter.digest, title=self._options.title, unsubscribe=link),
                text=render_text(letter.digest, title=self._options.title, unsubscribe=link),
                mail=make_mail(letter, self._options, sender=self._sender, now=self._now()).as_bytes(),
            )
            yield Outcome(letter.user_id, "written")

    def name_mail(self, letter: Letter) -> str:
        """The mail's Message-ID."""
        return message_id(letter.digest, self._sender)

    def close(self) -> tuple[str, ...]:
        """Write the list."""
        index = self._folder.write_index(self._day, title=self._options.title)
        return () if index is None else (f"written to a folder, nothing was sent: {index}",)


class NoCarrier:
    """Takes them nowhere."""

    in_flight: str | None = None

    def deliver(self, letters: Sequence[Letter]) -> Iterator[Outcome]:
        """Count them."""
        return (Outcome(letter.user_id, "written") for letter in letters)

    def name_mail(self, letter: Letter) -> str:
        """No mail, no id."""
        return ""

    def close(self) -> tuple[str, ...]:
        """Say so."""
        return ("a dry run: nothing was sent, written or recorded",)


def make_carrier(context: DigestContext, *, now: Clock) -> Carrier:
    """Who takes the digests of this run; the warehouse's folder of written ones is swept of old days."""
    sender = context.server.section.sender if context.server else PREVIEW_SENDER
    if context.is_dry:
        return NoCarrier()
    if context.to is not None:
        return FolderCarrier(context.to, context.options, sender=sender, day=context.day, now=now)
    written = context.folder / DIGESTS
    sweep_days(written, context.day, keep=context.options.keep_days)
    if context.server is not None:
        return SmtpCarrier(context.server, context.options, waits_s=context.retry_waits_s, now=now)
    return FolderCarrier(written / context.day.isoformat(), context.options, sender=sender, day=context.day, now=now)
