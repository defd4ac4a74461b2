"""One run of digest over a library, and the mail that its readers got."""

from __future__ import annotations

from typing import Any

from tasks.contracts.report import StepReport
from tasks.digest import digest
from tests.mail_server import Post
from tests.mailing.readers import Library

EVERYBODY = ["u00", "u01", "u02", "u03", "u04"]


def run(library: Library, post: Post | None = None, **changes: Any) -> StepReport:
    """The step; with a post it sends there."""
    report: StepReport = digest.fn(library.context(post, **changes))
    return report


def addresses(*users: str) -> list[str]:
    """Where these users get their mail."""
    return [f"{user}@example.org" for user in users]


def text_of(post: Post, user: str) -> str:
    """The plain text of the one mail that a user got."""
    return str(post.mail_to(f"{user}@example.org").get_body(("plain",)).get_content()).replace("\r\n", "\n")
