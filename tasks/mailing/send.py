"""Handing mails to a mail server: one connection for many, and for each mail what became of it.

A mail is `sent` when the server said so, `refused` when it said that it never will take it, `due` when it certainly was not
taken, and `uncertain` when the connection was lost after the whole text had been handed over: it may have arrived, and
is not sent again. A recipient's address is in no outcome and no error.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.contracts.digesting import MailServer
from tasks.contracts.errors import TerminalError, TransientError
from tasks.mailing.connect import TEMPORARY, connect, describe_reply

State = Literal["sent", "written", "refused", "uncertain", "due"]
OK = range(200, 300)
DATA_WANTED = 354
CLOSING = 421


@dataclass(frozen=True)
class Envelope:
    """A mail as it goes over the wire: whose it is, where it goes, and its bytes with lines that end in CR LF."""

    user_id: str
    address: str
    content: bytes


@dataclass(frozen=True)
class Outcome:
    """What became of a user's mail; reply is the server's, without the address."""

    user_id: str
    state: State
    reply: str = ""
    attempts: int = 1


class Courier:
    """Sends mails over one connection, which it opens when there is one to send and again when it was lost.

    waits_s are the seconds before each further try of mails that the server put off. pause and clock are for tests.
    in_flight is the user whose text was handed over and not yet answered: after an interruption it may have been taken.
    """

    def __init__(
        self, server: MailServer, *, sender: str, messages_a_minute: int | None = None, waits_s: Sequence[float] = (),
        pause: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._server = server
        self._sender = sender
        self._interval_s = 60.0 / messages_a_minute if messages_a_minute else 0.0
        self._waits_s = tuple(waits_s)
        self._pause = pause
        self._clock = clock
        self._next_at = 0.0
        self._smtp: smtplib.SMTP | None = None
        self.in_flight: str | None = None

    def deliver(self, envelopes: Sequence[Envelope]) -> Iterator[Outcome]:
        """The outcome of each, in no order; those put off come last, tried again after a while.

        Raises TransientError when the server can't be reached, TerminalError when it takes no mail of ours at all:
        what has no outcome then was not taken.
        """
        left = list(envelopes)
        for attempt, wait_s in enumerate((0.0, *self._waits_s), start=1):
            if left and wait_s:
                self._pause(wait_s)
            put_off = []
            for envelope in left:
                outcome = self._try(envelope, attempt)
                if outcome.state == "due" and attempt <= len(self._waits_s):
                    put_off.append(envelope)
                else:
                    yield outcome
            left = put_off

    def close(self) -> None:
        """Say goodbye, if the server still listens."""
        if self._smtp is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self._smtp.quit()
        self._smtp = None

    def _try(self, envelope: Envelope, attempt: int) -> Outcome:
        """One try, and at once another over a new connection if the old one had gone before the mail was handed over."""
        self._keep_pace()
        is_used = self._smtp is not None
        try:
            return self._hand_over(self._open(), envelope, attempt)
        except _LostError as lost:
            self._drop()
            self.in_flight = None
            if lost.after_text:
                return Outcome(envelope.user_id, "uncertain", str(lost), attempt)
            if not is_used:
                return Outcome(envelope.user_id, "due", str(lost), attempt)
        return self._try(envelope, attempt)

    def _hand_over(self, smtp: smtplib.SMTP, envelope: Envelope, attempt: int) -> Outcome:
        with _losing(after_text=False):
            code, reply = smtp.mail(self._sender)
            if code not in OK:
                return self._sender_refused(envelope, code, reply, attempt)
            code, reply = smtp.rcpt(envelope.address)
            if code in OK:
                code, reply = smtp.docmd("DATA")
            if code != DATA_WANTED:
                return self._put_off_or_refused(smtp, envelope, code, reply, attempt)
            # The dot that ends a mail is sent apart: what comes before it is no mail yet.
            smtp.send(_stuff_dots(envelope.content))
        self.in_flight = envelope.user_id
        with _losing(after_text=True):
            smtp.send(b".\r\n")
            code, reply = smtp.getreply()
        self.in_flight = None
        if code in OK:
            return Outcome(envelope.user_id, "sent", "", attempt)
        return self._put_off_or_refused(smtp, envelope, code, reply, attempt)

    def _put_off_or_refused(
        self, smtp: smtplib.SMTP, envelope: Envelope, code: int, reply: bytes, attempt: int
    ) -> Outcome:
        told = _without(envelope.address, describe_reply(code, reply))
        if code == CLOSING:
            self._drop()
        else:
            try:
                smtp.rset()
            except (OSError, smtplib.SMTPException):
                self._drop()
        return Outcome(envelope.user_id, "due" if code in TEMPORARY else "refused", told, attempt)

    def _sender_refused(self, envelope: Envelope, code: int, reply: bytes, attempt: int) -> Outcome:
        self._drop()
        if code in TEMPORARY:
            return Outcome(envelope.user_id, "due", describe_reply(code, reply), attempt)
        raise TerminalError(
            f"the mail server {self._server.section.host} takes no mail from {self._sender}:"
            f" {describe_reply(code, reply)}; check smtp.sender and smtp.user"
        )

    def _open(self) -> smtplib.SMTP:
        if self._smtp is None:
            self._smtp = self._connect(self._waits_s)
        return self._smtp

    def _connect(self, waits_s: Sequence[float]) -> smtplib.SMTP:
        try:
            return connect(self._server)
        except TransientError:
            if not waits_s:
                raise
        self._pause(waits_s[0])
        return self._connect(waits_s[1:])

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
        self._smtp = None

    def _keep_pace(self) -> None:
        if self._interval_s:
            now = self._clock()
            if self._next_at > now:
                self._pause(self._next_at - now)
            self._next_at = max(now, self._next_at) + self._interval_s


class _LostError(Exception):
    """The connection is gone; after_text says whether the mail may have been taken."""

    def __init__(self, told: str, *, after_text: bool) -> None:
        super().__init__(told)
        self.after_text = after_text


@contextlib.contextmanager
def _losing(*, after_text: bool) -> Iterator[None]:
    try:
        yield
    except (OSError, smtplib.SMTPException) as error:
        told = " ".join(str(error).split())[:200] or type(error).__name__
        raise _LostError(f"the connection was lost: {told}", after_text=after_text) from None


def _stuff_dots(content: bytes) -> bytes:
    """The text as it is sent: whole lines, and a dot before each dot that begins one (RFC 5321, 4.5.2)."""
    whole = content if content.endswith(b"\r\n") else content + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", whole)


def _without(address: str, told: str) -> str:
    return re.sub(re.escape(address), "[address]", told, flags=re.IGNORECASE)
