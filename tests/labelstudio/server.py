"""Label Studio as a process of its own on loopback, and the few calls of its API that a labeling owner's work takes.

Keeps its database (SQLite) and its log in a folder. It reports to nobody: analytics, error reports and the look for newer
versions are off, and the way out is a closed port.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ROOT / ".venv-labelstudio" / "bin" / "label-studio"
OWNER = "owner@example.org"
# It makes its database by some hundred migrations, which takes a minute of computing.
START_SECONDS = 540.0
STOP_SECONDS = 20.0
CLOSED_PORT = "http://127.0.0.1:9"
OFFLINE = {
    "COLLECT_ANALYTICS": "false",
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
    "LATEST_VERSION_CHECK": "false",
    "DO_NOT_TRACK": "1",
    "HTTP_PROXY": CLOSED_PORT,
    "HTTPS_PROXY": CLOSED_PORT,
    "NO_PROXY": "127.0.0.1",
    # It would look for a repository around its package, and find ours.
    "GIT_DIR": "/nonexistent",
}


@dataclass
class LabelStudio:
    """The server; a context that starts it, without waiting until it answers, and stops it at the end."""

    folder: Path
    port: int = 0
    token: str = field(default_factory=lambda: secrets.token_hex(20))

    @property
    def _log(self) -> Path:
        return self.folder / "label-studio.log"

    def __enter__(self) -> Self:
        self.port = _free_port()
        who = ["--username", OWNER, "--password", secrets.token_hex(12), "--user-token", self.token]
        where = ["--data-dir", str(self.folder / "data"), "--internal-host", "127.0.0.1", "--port", str(self.port)]
        command = [str(COMMAND), "start", "--no-browser", "--enable-legacy-api-token", *where, *who]
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.folder), **OFFLINE}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def wait(self) -> None:
        """Until the server answers; raises RuntimeError with the end of its log if it never does."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                self.call("GET", "/api/version")
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
            else:
                return
        raise RuntimeError(f"Label Studio did not start:\n{self._log.read_text(encoding='utf-8')[-3000:]}")

    def log(self) -> str:
        """What the server has said so far."""
        return self._log.read_text(encoding="utf-8")

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the API; raises HTTPError with the server's words."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Token {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                text = response.read().decode()
        except urllib.error.HTTPError as error:
            error.msg = f"{error.msg}: {error.read().decode()[:2000]}"
            raise
        return json.loads(text) if text else None

    def make_project(self, title: str, config: str) -> int:
        """A new project with a labeling configuration; its id."""
        return int(self.call("POST", "/api/projects", {"title": title, "label_config": config})["id"])

    def import_tasks(self, project: int, tasks: Path) -> Mapping[str, Any]:
        """Import a file of tasks; how many tasks and predictions there were."""
        found: Mapping[str, Any] = self.call(
            "POST", f"/api/projects/{project}/import", json.loads(tasks.read_text(encoding="utf-8"))
        )
        return found

    def tasks(self, project: int) -> list[dict[str, Any]]:
        """The tasks of a project, in order, with their predictions."""
        query = urllib.parse.urlencode({"project": project, "fields": "all", "page_size": 1000})
        return sorted(self.call("GET", f"/api/tasks?{query}")["tasks"], key=lambda task: int(task["id"]))

    def annotate(self, task: int, results: Sequence[Mapping[str, Any]], *, cancelled: bool = False) -> int:
        """Annotate a task; the annotation's id."""
        body = {"result": list(results), "was_cancelled": cancelled}
        return int(self.call("POST", f"/api/tasks/{task}/annotations/", body)["id"])

    def change(self, annotation: int, results: Sequence[Mapping[str, Any]]) -> None:
        """Change an annotation."""
        self.call("PATCH", f"/api/annotations/{annotation}/", {"result": list(results)})

    def export(self, project: int, form: str, path: Path) -> Path:
        """Save a project's export (JSON or JSON_MIN) with all its tasks."""
        query = urllib.parse.urlencode({"exportType": form, "download_all_tasks": "true"})
        path.write_text(json.dumps(self.call("GET", f"/api/projects/{project}/export?{query}")), encoding="utf-8")
        return path


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
