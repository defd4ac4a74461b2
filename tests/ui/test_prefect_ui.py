"""`nightjar serve` and the Prefect UI in headless Chromium: a night by its form, what it leaves, one stage again."""

from __future__ import annotations

import os
import re
import time
import urllib.request
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from flows.request import StageName
from tests.ui.conftest import ROOT, Served
from warehouse.publication import verify_publication

pytestmark = pytest.mark.timeout(1200)
SHOT = os.environ.get("SCREENSHOTS")
CLICKS, CLICK_S = 5, 20.0
LAST_MONTH = (datetime.now(UTC).date().replace(day=1) - timedelta(days=1)).replace(day=20)


def picture(page: Any, name: str, **options: Any) -> None:
    """A picture for the docs, if SCREENSHOTS asks for it."""
    if SHOT:
        page.wait_for_timeout(1500)
        page.screenshot(path=ROOT / "docs" / "images" / f"prefect-{name}.png", **options)


def open_form(page: Any, served: Served, name: str) -> None:
    """The form of a deployment."""
    page.goto(f"{served.url}/deployments/deployment/{served.deployment_id(name)}/run")
    page.get_by_text("Catalogs (Optional)").wait_for()


def field(page: Any, title: str) -> Any:
    """The innermost field with this title."""
    return page.locator(".p-label").filter(has=page.get_by_text(f"{title} (Optional)", exact=True)).last


def choose(page: Any, title: str, value: str) -> None:
    """Choose a value of a list."""
    control = field(page, title).locator("button.p-select-button__control")
    control.focus()
    page.keyboard.press("ArrowDown")
    page.locator(".p-select-option").get_by_text(value, exact=True).click()
    control.get_by_text(value, exact=True).wait_for()


def pick_day(page: Any, title: str, day: date) -> None:
    """Pick a day of last month in a calendar."""
    field(page, title).get_by_text("Select date").click()
    page.locator(".p-calendar-header__before button").click()
    page.locator(".p-calendar-date-picker__date--in-month").get_by_text(str(day.day), exact=True).click()
    page.get_by_role("button", name="Apply").click()
    field(page, title).get_by_text("Select date").wait_for(state="detached")


def submit(page: Any, served: Served, name: str) -> None:
    """Click until there is a run: Prefect's form loses a click that comes while it still checks its values."""
    button = page.get_by_role("button", name="Submit")
    before = len(served.runs_of(name))
    for _ in range(CLICKS):
        button.click()
        deadline = time.monotonic() + CLICK_S
        while time.monotonic() < deadline:
            # A form that was taken gives way to the page of its run.
            if len(served.runs_of(name)) > before or not button.is_visible():
                return
            page.wait_for_timeout(200)
    raise AssertionError(f"{CLICKS} clicks on Submit started no run of {name}")


@pytest.fixture(scope="module")
def night(served: Served, page: Any, small_catalog: Path) -> dict[str, Any]:
    """A night that was started by its form, with a day and a limit; its flow run when it has ended."""
    open_form(page, served, "nightly")
    assert str(small_catalog) in [one.input_value() for one in page.locator("textarea").all()]
    pick_day(page, "As of", LAST_MONTH)
    field(page, "Rows a source, at most").locator("input").fill("1000")
    picture(page, "form")
    submit(page, served, "nightly")
    return served.await_end("nightly", n=1)


def test_deployments_page_lists_all(served: Served, page: Any) -> None:
    page.goto(f"{served.url}/deployments")
    page.get_by_text("21 Deployments").wait_for()
    names = {one["name"] for one in served.api("deployments/filter", {})}
    assert names == {"nightly", *get_args(StageName), "weekly", "review-import", "digest", "report"}
    picture(page, "deployments")


def test_bad_value_is_refused_in_the_form(served: Served, page: Any) -> None:
    open_form(page, served, "nightly")
    choose(page, "First stage", "judge")
    choose(page, "Last stage", "ingest")
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("is not one of").first.wait_for()
    picture(page, "refused")
    assert served.runs_of("nightly") == []


def test_night_ends_completed_and_publishes(served: Served, page: Any, night: dict[str, Any]) -> None:
    assert (night["state_name"], night["name"]) == ("Completed", f"nightly {LAST_MONTH}"), night["state"]
    page.goto(f"{served.url}/runs/flow-run/{night['id']}")
    page.get_by_text("Completed").first.wait_for()
    page.get_by_text("17 Task runs").first.wait_for()
    picture(page, "run")
    publication = verify_publication(served.folder / "warehouse" / "published")
    assert publication.manifest["as_of"] == str(LAST_MONTH)


def test_task_runs_are_named_and_log_what_they_did(served: Served, night: dict[str, Any]) -> None:
    tasks = served.api("task_runs/filter", {"limit": 200, "flow_runs": {"id": {"any_": [night["id"]]}}})
    names = {one["name"] for one in tasks}
    assert {"ingest news", "ingest gate news", "judge news", "train news", "publish"} <= names
    logs = served.api("logs/filter", {"limit": 200, "logs": {"flow_run_id": {"any_": [night["id"]]}}})
    assert any(re.match(r"ingest +news +\d+ in, +\d+ out", one["message"]) for one in logs)


def test_artifacts_show(served: Served, page: Any, night: dict[str, Any]) -> None:
    found = served.api("artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [night["id"]]}}})
    by_key = {one["key"]: one for one in found}
    assert set(by_key) >= {"run-summary", "gates", "links", "metrics", "plan"}
    page.goto(f"{served.url}/artifacts/artifact/{by_key['run-summary']['id']}")
    page.get_by_text("Nothing is to be done.").wait_for()
    page.get_by_role("link", name="The run's report").wait_for()
    picture(page, "summary")
    page.goto(f"{served.url}/artifacts/artifact/{by_key['metrics']['id']}")
    page.get_by_text("lambdamart").first.wait_for()


def test_links_lead_to_pages_and_to_nothing_else(served: Served, night: dict[str, Any]) -> None:
    found = served.api("artifacts/filter", {"artifacts": {"key": {"any_": ["links"]}}})
    links = re.findall(r"\]\((http[^)]+)\)", found[0]["data"])
    assert len(links) == 2
    for link in links:
        with urllib.request.urlopen(link, timeout=30) as reply:
            assert reply.headers["content-type"].startswith("text/html")
            assert "default-src 'none'" in reply.headers["content-security-policy"]
    for path in ("nightjar.duckdb", "reports/../nightjar.duckdb", "%2e%2e/", "run.lock", ""):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{served.pages}/{path}", timeout=30)


def test_one_stage_is_rerun_from_its_deployment(served: Served, page: Any, night: dict[str, Any]) -> None:
    open_form(page, served, "score")
    pick_day(page, "As of", LAST_MONTH)
    submit(page, served, "score")
    ended = served.await_end("score", n=1)
    assert (ended["state_name"], ended["name"]) == ("Completed", f"score {LAST_MONTH}"), ended["state"]
    page.goto(f"{served.url}/runs/flow-run/{ended['id']}")
    page.get_by_text("score news").first.wait_for()
