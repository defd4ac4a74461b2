"""Digests in a real browser, with titles that try to run, to break out, to turn the page around or to burst it."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tasks.digest import digest
from tests.browser import chromium, visit
from tests.mailing.readers import Library, make_library

RUN = "window.pwned=1"
HOSTILE = {
    "i1": f"<script>{RUN}</script>",
    "i2": f"\"'><img src=x onerror='{RUN}'><svg onload={RUN}>",
    "i3": "\u202egnp.exe\u2066\u202d Tides of Vessby \u202e" + "שלום עולם \u200f(1)",
    "i4": "Wave\U0001f30a" + "W" * 400,
    "i5": "</td></table></body></html><h1>Broken out</h1>{{ 7*7 }} {% raw %}",
    "i6": "two\nlines\r\nand\u2028more\x00\u200b\ufeff",
    "i7": "Z" + "\u0301" * 60 + "algo, and a title so long that nobody would read it to its end " * 6,
    "i8": f"</style><style>*{{display:none}}</style><a href='javascript:{RUN}'>x</a>",
}
EVIL_USER = f"<img src=x onerror={RUN}>/../\u202eeve"


class Tags(HTMLParser):
    """Names of all tags, and the addresses that the page leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Library:
    folder = tmp_path_factory.mktemp("hostile")
    library = make_library(folder, users={EVIL_USER: {"email": "eve@example.org"}}, titles=HOSTILE)
    library.run(f"update users set name = '{EVIL_USER}' where user_id = '{EVIL_USER}'")
    library.run("update catalogs set title = '<script>' || title where catalog = 'news'")
    digest.fn(library.context(to=folder / "look"))
    return library


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


def pages(library: Library) -> list[Path]:
    return sorted((library.folder / "look").rglob("*.html"))


def test_hostile_titles_are_text(hostile: Library) -> None:
    assert len(pages(hostile)) == len(hostile.users) + 1
    for page in pages(hostile):
        tags = Tags()
        tags.feed(page.read_text(encoding="utf-8"))
        assert not tags.names & {"script", "img", "svg", "iframe", "link", "object", "form"}
        assert all(one.startswith(("https://example.org/", "readers/")) for one in tags.links)


@pytest.mark.parametrize(("size", "scheme"), [("desk", "light"), ("phone", "light"), ("phone", "dark")])
def test_nothing_runs_and_nothing_breaks(hostile: Library, browser: Any, size: str, scheme: str) -> None:
    for path in pages(hostile) if size == "desk" else pages(hostile)[::3]:
        shown = visit(browser, path, size=size, scheme=scheme)
        shown.assert_harmless()
        if path.name != "index.html":
            assert shown.page.locator("h1").all_inner_texts() == ["For you today"]
            assert shown.page.locator("h3").count() == 6
            # Every card is as wide as the first: no title bursts its own, and each stands within the window.
            widths = {round(box["width"]) for box in boxes(shown.page)}
            assert len(widths) == 1
        shown.page.context.close()


def boxes(page: Any) -> list[dict[str, float]]:
    return [card.bounding_box() for card in page.locator(".card").all()]


def test_title_turned_around_stays_in_its_own_line(hostile: Library, browser: Any) -> None:
    shown = visit(browser, hostile.folder / "look" / "readers" / "u02.html")
    titles = shown.page.locator("h3").all_inner_texts()
    turned = next(title for title in titles if "Tides of Vessby" in title)
    assert turned.startswith("gnp.exe Tides of Vessby")
    assert not set(turned) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    around = shown.page.locator("h1, .why, .soft").evaluate_all(
        "all => all.map(one => getComputedStyle(one).direction)"
    )
    assert set(around) == {"ltr"}


def test_texts_can_be_read_in_both_schemes(hostile: Library, browser: Any) -> None:
    """Contrast of at least 4.5 to 1 (WCAG AA) of every text with what is behind it."""
    script = """all => all.filter(one => one.offsetParent && one.childElementCount === 0).map(one => {
        const light = colour => {
            const parts = colour.match(/[\\d.]+/g).slice(0, 3).map(part => {
                const share = part / 255;
                return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
            });
            return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
        };
        let behind = one;
        while (/rgba\\(.*, 0\\)|transparent/.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
        const [a, b] = [light(getComputedStyle(one).color), light(getComputedStyle(behind).backgroundColor)];
        return [one.className + ' ' + one.tagName, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
    })"""
    for scheme in ("light", "dark"):
        shown = visit(browser, hostile.folder / "look" / "readers" / "u00.html", scheme=scheme)
        found = shown.page.locator("p, h1, h2, h3, a").evaluate_all(script)
        assert len(found) > 20
        assert [(name, round(ratio, 2)) for name, ratio in found if ratio < 4.5] == [], scheme
        shown.page.context.close()
