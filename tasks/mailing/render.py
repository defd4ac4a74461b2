"""A digest as HTML and as plain text, and the page that lists written ones. Reads tasks/mailing/templates/.

HTML is escaped by jinja2's autoescape, and every text of a catalog stands in an element of its own direction (dir="auto").
The page loads nothing, runs no script, and says so in its content security policy; where mail programs drop the style
sheet, the inline styles of simple tables remain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.mailing.compose import Digest
from tasks.mailing.texts import tidy_plain

TEMPLATES = Path(__file__).parent / "templates"
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True)
class Listed:
    """A written digest in the list: its files without their ending, the user, the first title, how many items (None: unknown)."""

    stem: str
    user_id: str
    first: str
    n_picks: int | None


def render_html(digest: Digest, *, title: str, unsubscribe: str) -> str:
    """The digest as one HTML page; unsubscribe is a URL or ""."""
    template = _environment(is_html=True).get_template("digest_html.j2")
    return _without_blank_lines(template.render(digest=digest, title=title, unsubscribe=unsubscribe))


def render_text(digest: Digest, *, title: str, unsubscribe: str) -> str:
    """The same as plain text."""
    template = _environment(is_html=False).get_template("digest_text.j2")
    return template.render(digest=digest, title=title, unsubscribe=unsubscribe).strip() + "\n"


def render_index(day: date, listed: Sequence[Listed], *, title: str, n_written: int) -> str:
    """A page that links the written digests of a day; listed may be the first of n_written only."""
    template = _environment(is_html=True).get_template("index.j2")
    return _without_blank_lines(template.render(day=day, listed=listed, title=title, n_written=n_written))


def long_day(day: date) -> str:
    """A day as it is read: Sunday, 1 November 2026. Independent of the machine's locale."""
    return f"{_WEEKDAYS[day.weekday()]}, {day.day} {_MONTHS[day.month - 1]} {day.year}"


@cache
def _environment(*, is_html: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=is_html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"long_day": long_day, "plain": tidy_plain, "sentence": _begin_large}
    return environment


def _begin_large(text: str) -> str:
    return text[:1].upper() + text[1:]


def _without_blank_lines(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines() if line.strip()) + "\n"
