"""The system's Chromium, driven by Playwright: opens a page as a reader would, and notes all that it tries to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"desk": (1280, 900), "phone": (390, 844)}
PATIENCE_MS = 120_000
"""A page of five megabytes takes a second, on a machine that does much else a minute."""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Visit:
    """A page and what it did: errors and complaints on the console, dialogs, requests beyond its own file."""

    page: Any
    errors: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return int(self.page.evaluate(OVERFLOW))

    def assert_harmless(self) -> None:
        """Nothing ran that should not, nothing was asked of anybody, and nothing sticks out."""
        assert self.page.evaluate("typeof window.pwned") == "undefined"
        assert self.dialogs == []
        assert self.errors == []
        assert self.requests == []
        assert self.overflow <= 0


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser without a window; the test is skipped where there is none."""
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}; install Debian's package chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def visit(browser: Any, path: Path, *, size: str = "desk", scheme: str = "light") -> Visit:
    """Open a file; size is one of SIZES, scheme light or dark."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, is_mobile=size == "phone"
    )
    context.set_default_timeout(PATIENCE_MS)
    found = Visit(context.new_page())
    found.page.on("console", lambda said: found.errors.append(said.text) if said.type in {"error", "warning"} else None)
    found.page.on("pageerror", lambda error: found.errors.append(str(error)))
    found.page.on("dialog", lambda dialog: (found.dialogs.append(dialog.message), dialog.dismiss()))
    own = path.resolve().as_uri()
    found.page.on("request", lambda sent: found.requests.append(sent.url) if sent.url.split("#")[0] != own else None)
    found.page.goto(own)
    return found
