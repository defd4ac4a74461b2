"""Fixtures: `nightjar serve` in a process of its own over a small catalog, and a page of headless Chromium.

With SCREENSHOTS=1 in the environment pictures go to docs/images.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.night import SmallCatalog

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE = 600.0


@dataclass(frozen=True)
class Served:
    """A `nightjar serve` that is up: the addresses of its page and of the warehouse's pages, and the folder."""

    url: str
    pages: str
    folder: Path

    def api(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """What the API answers: to a POST with a body, to a GET without."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/api/{path}", data=data, headers={"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)

    def deployment_id(self, name: str) -> str:
        """The id of a deployment by its name, which is also its flow's."""
        return str(self.api(f"deployments/name/{name}/{name}")["id"])

    def runs_of(self, name: str) -> list[dict[str, Any]]:
        """The flow runs of a deployment that somebody started, newest first."""
        found = self.api(
            "flow_runs/filter",
            {"sort": "EXPECTED_START_TIME_DESC", "flows": {"name": {"any_": [name]}}},
        )
        return [run for run in found if not run["auto_scheduled"]]

    def await_end(self, name: str, *, n: int) -> dict[str, Any]:
        """The newest run of a deployment, when there are n and it has ended."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            runs = self.runs_of(name)
            if len(runs) == n and runs[0]["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
                return runs[0]
            time.sleep(0.5)
        raise AssertionError(f"no {n}th run of {name} ended in {PATIENCE:.0f} s: {self.runs_of(name)}")


@pytest.fixture(scope="module")
def small_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small catalog, its days moved before last month, so that a day of last month knows all of them."""
    catalog = SmallCatalog(tmp_path_factory.mktemp("catalog"))
    shift = (datetime.now(UTC) - timedelta(days=75)).replace(tzinfo=None) - datetime(2026, 10, 10)
    for item in catalog.items.values():
        item["published_at"] = _shifted(item["published_at"], shift)
    for event in catalog.events:
        event["at"] = _shifted(event["at"], shift)
    return catalog.save()


def _shifted(text: str, shift: timedelta) -> str:
    return f"{datetime.strptime(text, '%Y-%m-%dT%H:%M:%SZ') + shift:%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, small_catalog: Path) -> Iterator[Served]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine; the Prefect UI is not tested")
    folder = tmp_path_factory.mktemp("served")
    port, pages_port = _free_port(), _free_port()
    command = [
        sys.executable, "-c", "from flows.cli import main; main()", "--warehouse", "warehouse", "serve",
        "--catalog", str(small_catalog), "--cron", "0 0 1 1 *", "--weekly-cron", "", "--port", str(port),
        "--pages-port", str(pages_port),
    ]  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "NIGHTJAR_"))}
    environment = {**kept, "PYTHONPATH": str(ROOT), "NIGHTJAR_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with (folder / "serve.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, text=True)
        try:
            _await_start(process, folder / "serve.log")
            yield Served(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{pages_port}", folder)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    assert not _is_listening(port), "the server outlived `nightjar serve`"


@pytest.fixture(scope="module")
def page(served: Served) -> Iterator[Any]:
    """One page for the whole module; it fails a test that reaches beyond this machine."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _await_start(process: subprocess.Popen[str], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while "deployments: " not in log.read_text("utf-8"):
        assert process.poll() is None, log.read_text("utf-8")
        assert time.monotonic() < deadline, log.read_text("utf-8")
        time.sleep(0.2)
