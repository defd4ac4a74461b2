"""Text of a catalog as it may stand in a line for people: what a terminal or a log would obey is shown, not obeyed."""

from __future__ import annotations

import re

# Control characters but tab and line break, and the marks that turn text around.
_ORDERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """The text with a U+FFFD in the place of every order to a terminal; tabs and line breaks stay."""
    return _ORDERS.sub("\ufffd", text)
