"""Starts the server and the nights of the engine's benchmarks, each in a process of its own, and reads the server's log."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.asking.night import Plan, Seen


@dataclass
class Server:
    """A running fake provider."""

    url: str
    log: Path
    process: subprocess.Popen[str]

    def stats(self) -> dict[str, Any]:
        """Its counters."""
        with urllib.request.urlopen(self.url.removesuffix("/v1") + "/stats") as response:
            found: dict[str, Any] = json.load(response)
        return found

    def entries(self) -> list[dict[str, Any]]:
        """Its log: one entry per request that was answered."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def answered(self) -> Counter[str]:
        """How often each question was answered with a 200, by the digest of its message; for one question a request."""
        return Counter(
            entry["user_sha256"]
            for entry in self.entries()
            if entry["status"] == 200 and entry["path"].endswith("/chat/completions")
        )


@contextmanager
def serve(*, seed: int = 1, logged: bool = False, **faults: Any) -> Iterator[Server]:
    """A fake provider with these faults while the context lasts; logged: with a log of its requests."""
    with tempfile.TemporaryDirectory(prefix="nightjar-bench-") as folder:
        log = Path(folder) / "requests.jsonl"
        log.touch()
        command = [sys.executable, "-m", "tasks.llm.fake", "--seed", str(seed), "--faults", json.dumps(faults)]
        command += ["--log", str(log)] if logged else []
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            yield Server(process.stdout.readline().strip(), log, process)
        finally:
            process.terminate()
            process.wait()


def start_night(plan: Plan) -> subprocess.Popen[str]:
    """Begin a night; its output is Seen as JSON."""
    command = [sys.executable, "-m", "benchmarks.asking.night", json.dumps(asdict(plan))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def run_night(plan: Plan) -> Seen:
    """A whole night."""
    process = start_night(plan)
    output, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"the night ended with {process.returncode}")
    return Seen(**json.loads(output.splitlines()[-1]))


@contextmanager
def new_folder() -> Iterator[str]:
    """A folder for a warehouse."""
    with tempfile.TemporaryDirectory(prefix="nightjar-bench-") as folder:
        yield folder
