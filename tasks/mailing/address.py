"""Whether a user may be written to, and where: addresses and consent as a users' source states them. Pure.

When in doubt, no mail: an address that is not plainly one is refused, and a consent that can't be read is none.
"""

from __future__ import annotations

import re

from tasks.contracts.digesting import DigestConfig

NO_ADDRESS = "no address"
BAD_ADDRESS = "bad address"
UNSUBSCRIBED = "unsubscribed"
DOUBTFUL = "unsubscribed is neither yes nor no"

_YES = frozenset({"true", "yes", "y", "t", "on", "1", "1.0"})
_NO = frozenset({"false", "no", "n", "f", "off", "0", "0.0"})
# The addresses that mail systems give out (RFC 5321 without quoted names and address literals), and nothing that could
# start a header, a second address or a comment.
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_MAX_LOCAL = 64
_MAX_ADDRESS = 254


def read_address(text: str) -> str | None:
    """The address to write to, its domain in ASCII (IDNA); None if the text is not exactly one address.

    >>> read_address(" ana@example.org "), read_address("ana@example.org, eve@example.org")
    ('ana@example.org', None)
    """
    local, sign, domain = text.strip(" ").rpartition("@")
    if not sign or not _LOCAL.fullmatch(local) or len(local) > _MAX_LOCAL:
        return None
    try:
        ascii_domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    if not all(_LABEL.fullmatch(label) for label in ascii_domain.split(".")):
        return None
    address = f"{local}@{ascii_domain}"
    return address if len(address) <= _MAX_ADDRESS else None


def read_yes_or_no(text: str | None) -> bool | None:
    """A yes or a no, whatever the case; None for all else."""
    word = (text or "").strip().lower()
    return True if word in _YES else False if word in _NO else None


def refusal_of(config: DigestConfig, address: str | None, consent: str | None) -> str | None:
    """Why this user gets no mail; None if one may be sent.

    address and consent are the attributes as text; None or empty: the user has none. Without a word on consent a user is
    written to where the source says who unsubscribed, and not where it says who subscribed.
    """
    if config.unsubscribed and consent and consent.strip():
        answer = read_yes_or_no(consent)
        if answer is not False:
            return UNSUBSCRIBED if answer else DOUBTFUL
    if config.subscribed and read_yes_or_no(consent) is not True:
        is_plain = not (consent and consent.strip()) or read_yes_or_no(consent) is False
        return UNSUBSCRIBED if is_plain else DOUBTFUL
    if config.address is None:
        return None
    if not (address and address.strip()):
        return NO_ADDRESS
    return None if read_address(address) else BAD_ADDRESS
