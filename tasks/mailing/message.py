"""A digest as a mail: text and HTML, with headers that nothing from a catalog can add to. Pure but for the clock given."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email.errors import HeaderParseError, MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr
from urllib.parse import quote

from tasks.contracts.digesting import DigestSection
from tasks.contracts.errors import ConfigError
from tasks.mailing.address import read_address
from tasks.mailing.compose import Digest
from tasks.mailing.render import long_day, render_html, render_text
from tasks.mailing.texts import MAX_TITLE, tidy_line

MAX_SUBJECT = 150
MAX_HEADER_URL = 900
UNSUBSCRIBE = "List-Unsubscribe"
LINE_END = "\r\n"
PREVIEW_SENDER = "Nightjar <nightjar@localhost>"


class _MailPolicy(EmailPolicy):
    """The email package's own, but for a header of URLs: these it would take for long words and encode, which no reader undoes."""

    def fold(self, name: str, value: str) -> str:
        """The header as it is written, as text."""
        return _one_way_a_line(name, value) if name == UNSUBSCRIBE else super().fold(name, value)

    def fold_binary(self, name: str, value: str) -> bytes:
        """The header as it is sent. Raises MessageError if it would be two."""
        folded = _one_way_a_line(name, value).encode() if name == UNSUBSCRIBE else super().fold_binary(name, value)
        if _ANOTHER_HEADER.search(folded):
            raise HeaderParseError(f"the header {name} holds the start of another one")
        return folded


_ANOTHER_HEADER = re.compile(rb"[\r\n]+(?![ \t\r\n]|$)")


def _one_way_a_line(name: str, value: str) -> str:
    return f"{name}: {value.replace(', ', f',{LINE_END} ')}{LINE_END}"


POLICY = _MailPolicy(linesep=LINE_END)


@dataclass(frozen=True)
class Sender:
    """Who writes, as it is shown and as the server is told."""

    header: Address
    address: str


@dataclass(frozen=True)
class Letter:
    """A digest ready to go: its mail is made when its turn comes. address "" where it goes to a folder only."""

    digest: Digest
    address: str

    @property
    def user_id(self) -> str:
        """Whose it is."""
        return self.digest.user_id


def read_sender(text: str) -> Sender:
    """The sender of `Name <address>` or `address`. Raises ConfigError."""
    name, address = parseaddr(text)
    checked = read_address(address)
    if checked is None or "\n" in text or "\r" in text:
        raise ConfigError(
            f"settings: smtp.sender {text!r} is no address; write for example 'Village Library <library@example.org>'"
        )
    return Sender(Address(display_name=tidy_line(name, most=80), addr_spec=checked), checked)


def unsubscribe_link(digest: Digest, options: DigestSection) -> str:
    """Where this user unsubscribes on the web; "" where no address is set."""
    if options.unsubscribe_url is None:
        return ""
    filled = options.unsubscribe_url.replace("{space}", quote(digest.user_space, safe=""))
    return filled.replace("{user}", quote(digest.user_id, safe=""))


def make_subject(digest: Digest, options: DigestSection) -> str:
    """One line, whatever the titles hold."""
    filled = options.subject.format(
        title=options.title, first=digest.first.title, day=long_day(digest.day), name=digest.name
    )
    # The email package decodes what looks like an encoded word, also to line ends: what a title spells is to stay text.
    return tidy_line(filled.replace("=?", "= ?"), most=MAX_SUBJECT)


def message_id(digest: Digest, sender: Sender) -> str:
    """The same for the same user and day, so that a mailbox that got one twice shows one."""
    key = "\n".join((digest.user_space, digest.user_id, digest.day.isoformat()))
    return f"<digest.{digest.day:%Y%m%d}.{hashlib.sha256(key.encode()).hexdigest()[:32]}@{sender.header.domain}>"


def make_mail(letter: Letter, options: DigestSection, *, sender: Sender, now: datetime) -> EmailMessage:
    """The mail with its headers; now has a zone. Raises MessageError if an address can't stand in a header."""
    digest = letter.digest
    link = unsubscribe_link(digest, options)
    mail = EmailMessage(policy=POLICY)
    mail["From"] = sender.header
    if letter.address:
        mail["To"] = Address(addr_spec=letter.address)
    mail["Subject"] = make_subject(digest, options)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = message_id(digest, sender)
    mail["Auto-Submitted"] = "auto-generated"
    ways = [f"<{link}>"] if link and len(link) <= MAX_HEADER_URL else []
    if options.unsubscribe_mail:
        ways.append(f"<mailto:{options.unsubscribe_mail}?subject=unsubscribe>")
    if ways:
        mail[UNSUBSCRIBE] = ", ".join(ways)
    if ways and ways[0].startswith("<https://"):
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(
        render_text(digest, title=options.title, unsubscribe=link), charset="utf-8", cte="quoted-printable"
    )
    html = render_html(digest, title=options.title, unsubscribe=link)
    mail.add_alternative(html, subtype="html", charset="utf-8", cte="base64")
    return mail


__all__ = [
    "MAX_TITLE", "Letter", "MessageError", "Sender", "make_mail", "make_subject", "message_id", "read_sender", "unsubscribe_link",
]  # fmt: skip
