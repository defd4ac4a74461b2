"""A mail server's replies, read with a limit: so many lines, and so much time for all of them together.

smtplib's own timeout holds for one read of the socket, so a server that sends a byte a minute, or never ends its list of
what it can, would hold the digest up for ever.
"""

from __future__ import annotations

import smtplib
import time
from typing import Any

MAX_LINES = 200
REPLY_SECONDS = 300.0


class PatientSMTP(smtplib.SMTP):
    """smtplib's client with that limit; raises SMTPServerDisconnected when it is passed."""

    def getreply(self) -> tuple[int, bytes]:
        """One reply of the server, as smtplib reads it."""
        return _read_reply(self, super().getreply)


class PatientSMTPOverTLS(smtplib.SMTP_SSL):
    """The same, encrypted from the start."""

    def getreply(self) -> tuple[int, bytes]:
        """One reply of the server, as smtplib reads it."""
        return _read_reply(self, super().getreply)


class _Lines:
    """The lines of one reply, and how many and how long they may be."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.begin()

    def begin(self) -> None:
        """A new reply begins."""
        self._left = MAX_LINES
        self._until = time.monotonic() + REPLY_SECONDS

    def readline(self, limit: int) -> bytes:
        """A line, at most `limit` bytes of it."""
        self._left -= 1
        line = bytearray()
        while self._left >= 0 and len(line) < limit and not line.endswith(b"\n"):
            if time.monotonic() > self._until:
                raise TimeoutError(f"no end of a reply within {REPLY_SECONDS:g} s")
            # At most one read of the socket, which has a timeout of its own.
            waiting = self._file.peek(1)[: limit - len(line)]
            if not waiting:
                break
            line += self._file.read(waiting.find(b"\n") + 1 or len(waiting))
        if self._left < 0:
            raise TimeoutError(f"a reply of more than {MAX_LINES} lines")
        return bytes(line)

    def close(self) -> None:
        """Close the file beneath."""
        self._file.close()


def _read_reply(smtp: Any, read: Any) -> tuple[int, bytes]:
    if smtp.file is None:
        smtp.file = _Lines(smtp.sock.makefile("rb"))
    smtp.file.begin()
    code, text = read()
    return code, text
