"""The Data Docs in a browser: whatever a catalog's texts hold, nothing runs, nothing is asked of anybody, nothing sticks out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.gates import ExpectationResult, SuiteRun, build_data_docs
from tests.browser import chromium, visit

EVIL = (
    "<script>window.pwned=1</script>\"><img src=x onerror=\"window.pwned=1\">'><svg onload='window.pwned=1'></script></title>"
    '</style><a href="javascript:window.pwned=1">here</a> \u202egnp.exe \u2028 ${title} $$ {{ 7 * 7 }} &lt;b&gt; ]]> -->'
)
LONG = "W" * 10_000


def result(name: str, *, suite: str = "ingest", is_success: bool = False) -> ExpectationResult:
    sample = [{"title": EVIL, EVIL: LONG, "text": "text " * 2_000}, {"title": LONG}]
    return ExpectationResult(
        suite=suite, expectation=name, column_name="title", severity="critical", is_success=is_success,
        observed=f"{LONG} {EVIL}", expected=f"{EVIL} {LONG}", n_unexpected=2, sample="[]" if is_success else json.dumps(sample),
    )  # fmt: skip


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    results = [
        result("dangling_interactions"),
        result("duplicate_ids", is_success=True),
        result("foreign_topics", suite="labels"),
    ]
    run = SuiteRun(run_id="r1", catalog="news", run_at=datetime(2026, 11, 1, 3), results=results)
    index = build_data_docs([run], tmp_path_factory.mktemp("docs") / "docs")
    return sorted(index.parent.rglob("*.html"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_hostile_texts_neither_run_nor_break_a_page(browser: Any, pages: list[Path], size: str) -> None:
    assert len(pages) == 5
    for path in pages:
        found = visit(browser, path, size=size)
        found.assert_harmless()
        assert found.page.locator("script, img, iframe, object, a[href^='javascript']").count() == 0
        found.page.context.close()


def test_hostile_texts_are_shown_as_they_are(browser: Any, pages: list[Path]) -> None:
    (path,) = [path for path in pages if "validations" in path.parts and "ingest" in path.parts]
    text = visit(browser, path).page.evaluate("document.body.innerText")
    assert text.count("<script>window.pwned=1</script>") >= 2
    assert "\\u202egnp.exe" in text
    assert "\u202e" not in text
    assert "W" * 700 not in "".join(text.split())
