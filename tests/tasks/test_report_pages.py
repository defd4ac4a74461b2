"""The report in a browser: figures are drawn, nothing is asked of anybody, and whatever texts hold, nothing runs or breaks."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from tasks.report import write_run_report
from tests.browser import Visit, chromium, visit
from tests.night import DAY
from warehouse.connection import DATABASE

EVIL = (
    "<script>window.pwned=1</script>\"><img src=x onerror=\"window.pwned=1\">'><svg onload='window.pwned=1'></script></title>"
    '</style><a href="javascript:window.pwned=1">here</a> \u202egnp.exe \u2028 %{x} $$\\int$$ {{ 7 * 7 }} &lt;b&gt; ]]> -->'
)
LONG = "W" * 10_000
LINE = "text " * 2_000
UPDATES = (
    "update items set title = case when item_id < 'i10' then $long when item_id < 'i20' then $line else $evil || item_id end",
    "update users set name = $evil, job = $evil, summary = $long, interests = [$evil, $line], hobbies = [$long]",
    "update topic_labels set primary_topic = case primary_topic when 'sport' then $evil when 'food' then $long else primary_topic end",
    "update label_metrics set subject = $evil || subject where metric = 'share' and subject <> '0'",
    "update label_metrics set subject = $long where metric = 'share' and subject = '0'",
    "insert into label_metrics values ('r001', 'news', 'topics', 'kappa', $evil, .5, .4, .6, 9, now())",
    "update quality_results set observed = $long, expected = $evil, is_success = expectation > 'l', sample = $sample",
    "update stage_runs set notes = [$evil, $long, $line], dropped = $dropped",
    "update runs set message = $evil, status = 'failed'",
    "update metrics set ranker = $evil where ranker = 'random'",
    "update metrics set ranker = $long where ranker = 'popularity'",
    "insert into quarantine values ('news', 'items', $long, 1, $evil, $evil, 'h1', 'r001', 'r001'),"
    " ('news', 'items', $evil, 1, $long, $evil, 'h2', 'r001', 'r001')",
    "insert into dead_letters values ('news', 'judge', 'k', 'f', 'l', $evil, '', 1, 'r001', now()),"
    " ('news', 'judge', 'k2', 'f', 'l', $line, '', 1, 'r001', now())",
)


def spoil(folder: Path) -> None:
    """Put hostile texts wherever the warehouse holds what somebody else has written."""
    values = {
        "evil": EVIL,
        "long": LONG,
        "line": LINE,
        "sample": json.dumps([{"title": EVIL, EVIL: LONG, "n": [EVIL]}]),
        "dropped": json.dumps({EVIL: 3, LONG: 4}),
    }
    with duckdb.connect(str(folder / DATABASE)) as connection:
        for statement in UPDATES:
            used = {name: value for name, value in values.items() if f"${name}" in statement}
            connection.execute(statement, used)
    for path in folder.glob("runs/*/*/recommendations/*.parquet"):
        own = pl.col("item_id")
        pl.read_parquet(path).with_columns(
            title=pl.when(own < "i15").then(pl.lit(LONG)).otherwise(pl.lit(EVIL)),
            reason=pl.when(own < "i15").then(pl.lit(EVIL)).otherwise(pl.lit(LINE)),
            reason_content=pl.lit(LONG),
            primary_topic=pl.lit(LONG),
        ).write_parquet(path)


@pytest.fixture(scope="module")
def plain_page(finished_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run_report(finished_folder, output=tmp_path_factory.mktemp("plain") / "report.html")


@pytest.fixture(scope="module")
def evil_page(finished_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evil") / "warehouse"
    shutil.copytree(finished_folder, folder, symlinks=True)
    spoil(folder)
    return write_run_report(folder, output=folder / "report.html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


def look(browser: Any, path: Path, **how: str) -> Visit:
    """Open a report and wait for its figures."""
    found = visit(browser, path, **how)
    found.page.wait_for_selector("html[data-drawn]", state="attached")
    return found


def wait_until(holds: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Ask again and again from here: the page's policy lets nothing be evaluated within it."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"did not come about in {seconds} s"
        time.sleep(0.05)


@pytest.mark.parametrize(("size", "scheme"), [("desk", "light"), ("phone", "dark")])
def test_figures_are_drawn_and_nothing_is_asked_of_anybody(
    browser: Any, plain_page: Path, size: str, scheme: str
) -> None:
    found = look(browser, plain_page, size=size, scheme=scheme)
    found.assert_harmless()
    drawn = found.page.evaluate(
        "[...document.querySelectorAll('.figure')].map(one => one.querySelectorAll('svg').length > 0)"
    )
    assert len(drawn) >= 6
    assert all(drawn)
    assert found.page.locator("h1").inner_text().startswith(f"Nightjar, night of {DAY:%-d %B %Y}")


def test_figures_follow_the_colours_of_the_scheme_and_of_paper(browser: Any, plain_page: Path) -> None:
    found = look(browser, plain_page, scheme="dark")
    first = "document.querySelector('#figure-timeline .bars path').style.fill"
    dark = found.page.evaluate(first)
    found.page.emulate_media(color_scheme="light")
    wait_until(lambda: found.page.evaluate(first) != dark)
    light = found.page.evaluate(first)
    found.page.emulate_media(color_scheme="dark")
    wait_until(lambda: found.page.evaluate(first) == dark)
    found.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    wait_until(lambda: found.page.evaluate(first) == light)
    assert found.page.locator("details:not([open])").count() == 0
    found.page.evaluate("dispatchEvent(new Event('afterprint'))")
    wait_until(lambda: found.page.evaluate(first) == dark)
    assert found.page.locator("details:not([open])").count() > 0
    assert found.errors == []


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_hostile_texts_neither_run_nor_break_the_page(browser: Any, evil_page: Path, size: str) -> None:
    found = look(browser, evil_page, size=size)
    found.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    found.assert_harmless()
    page = found.page
    assert page.locator("script").count() == 3
    assert page.locator("main img, main a, header img, main iframe, svg script, svg a").count() == 0
    text = page.evaluate("document.body.innerText")
    assert text.count("<script>window.pwned=1</script>") > 10
    assert not set(text) & set("\u202e\u2028")
    assert "W" * 700 not in text


def test_hovering_over_the_map_shows_a_hostile_title_as_text(browser: Any, evil_page: Path) -> None:
    found = look(browser, evil_page)
    page = found.page
    hostile = """() => {
        const place = document.getElementById("figure-map-0");
        const at = place.data.flatMap((trace, curve) => trace.hovertext.map((text, point) => [text, curve, point]));
        const [, curve, point] = at.find(([text]) => text.startsWith("&lt;script"));
        Plotly.Fx.hover(place, [{ curveNumber: curve, pointNumber: point }]);
    }"""
    page.evaluate(hostile)
    label = page.locator("#figure-map-0 .hoverlayer")
    label.locator("text").first.wait_for()
    assert label.evaluate("one => one.textContent").startswith("<script>window.pwned=1</script>")
    assert label.locator("a, img, script").count() == 0
    found.assert_harmless()
