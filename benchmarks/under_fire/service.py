"""What runs the nights: `nightjar serve` against a Prefect server of its own, or plain `nightjar run` processes.

Both are started as an operator starts them, with the shim on PYTHONPATH, so that the driver knows which stage runs where.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
SHIM = Path(__file__).parent / "shim"
START_S = 180.0


@dataclass
class Service:
    """The processes of one installation in `folder`: warehouse/, catalog/, nightjar.toml, logs; by_command: no Prefect server."""

    folder: Path
    catalog: Path
    by_command: bool = False
    port: int = 0
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def warehouse(self) -> Path:
        """The warehouse's folder."""
        return self.folder / "warehouse"

    @property
    def published(self) -> Path:
        """What readers read."""
        return self.warehouse / "published"

    @property
    def marks(self) -> Path:
        """Where the shim notes stages."""
        return self.folder / "stages.log"

    @property
    def api(self) -> str:
        """The Prefect server's address."""
        return f"http://127.0.0.1:{self.port}/api"

    def start(self) -> None:
        """Start what is needed before the first night."""
        if not self.by_command:
            self.port = self.port or free_port()
            self.start_server()
            self.start_serve()

    def start_server(self) -> None:
        """The Prefect server, and wait until it answers."""
        self._spawn("server", sys.executable, "-m", "prefect", "server", "start", "--port", str(self.port), "--no-ui")
        wait_until(self._is_healthy, START_S, "the Prefect server")

    def start_serve(self) -> None:
        """`nightjar serve`, and wait until its deployments are there."""
        words = ("serve", "--catalog", str(self.catalog), "--cron", "", "--weekly-cron", "")
        self._spawn("serve", *nightjar(self.warehouse), *words)
        wait_until(lambda: self._deployment() is not None, START_S, "nightjar serve")

    def order_night(self) -> None:
        """Let a night begin: a scheduled run of the deployment, as the scheduler makes them; or a command."""
        if self.by_command:
            self._spawn("night", *nightjar(self.warehouse), "run", "--catalog", str(self.catalog))
            return
        now = datetime.now(UTC).isoformat()
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": now}}
        found = self._deployment()
        if found is None:
            raise RuntimeError("the deployment nightly/nightly is gone")
        self._ask("POST", f"/deployments/{found['id']}/create_flow_run", json={"state": state})

    def states(self) -> dict[str, int]:
        """How many nights are in which state, as Prefect knows; {} without Prefect."""
        if self.by_command:
            return {}
        found = self._ask("POST", "/flow_runs/filter", json={"flows": {"name": {"any_": ["nightly"]}}, "limit": 200})
        counts: dict[str, int] = {}
        for run in found.json():
            counts[run["state_name"]] = counts.get(run["state_name"], 0) + 1
        return counts

    def n_failed(self) -> int:
        """Nights that ended without a publication although nobody killed them."""
        return sum(count for name, count in self.states().items() if name in ("Failed", "Gated"))

    def check_alive(self) -> None:
        """Raise RuntimeError if a process ended that should not have: its log says why."""
        for name, process in self.processes.items():
            if process.poll() not in (None, 0, -signal.SIGKILL):
                raise RuntimeError(f"{name} ended with code {process.poll()}; see {self.folder / name}.log")

    def kill(self, name: str) -> None:
        """SIGKILL to one of our processes, and nothing to its children."""
        process = self.processes[name]
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End all that is still alive, in order."""
        for name in ("night", "serve", "server"):
            process = self.processes.get(name)
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _spawn(self, name: str, *words: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                words, cwd=self.folder, env=self._environment(), stdout=log, stderr=log, start_new_session=True
            )

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("NIGHTJAR_", "PREFECT_", "OPENAI_"))
        }
        ours = {
            "PYTHONPATH": os.pathsep.join([str(SHIM), str(ROOT)]),
            "UNDER_FIRE_STAGES": str(self.marks),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        }
        return kept | ours | ({} if self.by_command else {"PREFECT_API_URL": self.api})

    def _deployment(self) -> dict[str, Any] | None:
        found = self._ask("GET", "/deployments/name/nightly/nightly")
        return dict(found.json()) if found.status_code == 200 else None

    def _is_healthy(self) -> bool:
        try:
            return self._ask("GET", "/health").status_code == 200
        except httpx.HTTPError:
            return False

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return httpx.request(method, f"{self.api}{path}", timeout=20, trust_env=False, **more)


def nightjar(warehouse: Path) -> tuple[str, ...]:
    """The command line of Nightjar for a warehouse."""
    return (sys.executable, "-c", "from flows.cli import main; main()", "--warehouse", str(warehouse))


def free_port() -> int:
    """A port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def wait_until(is_true: Callable[[], bool], seconds: float, what: str, *, every: float = 0.2) -> None:
    """Return when it is true. Raises TimeoutError that names what was waited for."""
    last = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > last:
            raise TimeoutError(f"{what}: not in {seconds:.0f} s")
        time.sleep(every)
