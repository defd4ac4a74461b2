"""Three nights over a catalog that grows, changes and shrinks, with processes killed in every stage, and readers all the while.

    python -m benchmarks.nights_under_fire [--folder DIR] [--by-command]

`nightjar serve` runs the nights; the process of a night gets SIGKILL in each stage in turn, `serve` itself once and the
Prefect server once. After each kill the next scheduled run must complete. Two readers, processes of their own, read all
that latest.json names in a loop and hold it to its manifest. An LLM on loopback remembers every question. Writes
benchmarks/results/nights_under_fire.md. About twenty-five minutes on two cores; --by-command does without Prefect.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import duckdb
import httpx

from benchmarks.under_fire.catalog import write_edition
from benchmarks.under_fire.provider import CountingProvider
from benchmarks.under_fire.report import write_result
from benchmarks.under_fire.service import ROOT, Service, wait_until
from flows.request import StageName
from tasks.llm.fake.server import LoopbackServer
from warehouse.connection import DATABASE
from warehouse.lock import lock_owner
from warehouse.publication import verify_publication

STAGES: tuple[str, ...] = get_args(StageName)
EDITIONS = {1: STAGES[0::3], 2: STAGES[1::3], 3: STAGES[2::3]}
NIGHT_S = 600.0
TRIES = 6
LATENCY_S = 0.03
TOML = """
base_url = "{url}"
api_key_env = ""
model = "bench"
price_in = 1.0
price_out = 2.0
questions_per_request = 1
threads = 1
"""


@dataclass
class Kill:
    """One kill: whom, when, and what came of it; seconds from the kill to the next complete publication."""

    edition: int
    whom: str
    stage: str
    at: float
    after_s: float = 0.0
    seconds: float = 0.0
    left: list[str] = field(default_factory=list)


@dataclass
class Fire:
    """The driver: what it did is in kills."""

    service: Service
    chance: random.Random
    kills: list[Kill] = field(default_factory=list)
    n_nights: int = 0
    took: dict[str, float] = field(default_factory=dict)

    def complete_night(self, after: str) -> float:
        """Order a night and wait for its publication; the seconds. after: the publication that is there before."""
        begun, n_failed = time.monotonic(), self.service.n_failed()
        self.service.order_night()
        wait_until(lambda: self._is_published(after, n_failed), NIGHT_S, "a night", every=0.5)
        wait_until(lambda: lock_owner(self.service.warehouse) is None, 120, "the end of a night")
        self.n_nights += 1
        return time.monotonic() - begun

    def kill_in(self, stage: str, edition: int, *, whom: str = "night") -> None:
        """Kill in a stage, and let the next scheduled run make it good; another try where the stage was over by then."""
        for _ in range(TRIES):
            self.learn_durations()
            done = len(read_marks(self.service.marks))
            self.service.order_night()
            killed = self._strike(stage, edition, whom, done)
            if killed is not None:
                break
            wait_until(lambda: lock_owner(self.service.warehouse) is None, NIGHT_S, "the end of a night")
            self.n_nights += 1
        else:
            raise RuntimeError(f"stage {stage!r} was too quick to be killed in {TRIES} nights")
        self._recover(whom)
        before = latest(self.service.published)
        self.complete_night(before)
        killed.seconds = time.time() - killed.at
        killed.left = left_behind(self.service.warehouse)
        verify_publication(self.service.published)
        self.kills.append(killed)
        say(
            f"night {edition}: {whom} killed in {stage} after {killed.after_s:.2f} s; whole again after {killed.seconds:.0f} s"
        )

    def _strike(self, stage: str, edition: int, whom: str, done: int) -> Kill | None:
        wait_until(lambda: mark_of(self.service.marks, done, stage, "begin") is not None, NIGHT_S, stage, every=0.005)
        begun, pid = mark_of(self.service.marks, done, stage, "begin") or (0.0, 0)
        time.sleep(self.chance.uniform(0.0, 0.6) * min(self.took.get(stage, 0.3), 6.0))
        if mark_of(self.service.marks, done, stage, "end") is not None:
            return None
        now = time.time()
        if whom == "night":
            os.kill(pid, signal.SIGKILL)
        else:
            self.service.kill(whom)
        return Kill(edition, whom, stage, now, now - begun)

    def _recover(self, whom: str) -> None:
        """What the system's service manager would do: start what has died; then the night that was under way is over."""
        if whom == "server":
            self.service.start_server()
        if whom == "serve":
            self.service.start_serve()
        wait_until(lambda: lock_owner(self.service.warehouse) is None, NIGHT_S, "the lock")

    def _is_published(self, after: str, n_failed: int) -> bool:
        self.service.check_alive()
        if self.service.n_failed() > n_failed:
            raise RuntimeError(f"a night failed that nobody disturbed; see {self.service.folder / 'serve.log'}")
        return latest(self.service.published) not in ("", after)

    def learn_durations(self) -> None:
        """How long each stage took when it ran to its end last: kills are drawn within that."""
        begun: dict[str, float] = {}
        for at, _, stage, what in read_marks(self.service.marks):
            if what == "begin":
                begun[stage] = at
            elif stage in begun:
                self.took[stage] = at - begun[stage]


def main() -> None:
    """Run the nights and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="keep the installation here; default: a folder that is removed")
    parser.add_argument("--by-command", action="store_true", help="`nightjar run` instead of `nightjar serve`")
    parser.add_argument("--only", default=",".join(STAGES), help="the stages to kill in, for a trial")
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="under-fire-") as scratch:
        folder = (given.folder or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        found = run_nights(folder, by_command=given.by_command, only=given.only.split(","), seed=given.seed)
    (ROOT / "benchmarks/results/nights_under_fire.md").write_text(write_result(found), encoding="utf-8")


def run_nights(folder: Path, *, by_command: bool, only: list[str], seed: int) -> dict[str, Any]:
    """All of it; what was seen."""
    begun = time.monotonic()
    provider = CountingProvider(latency_s=LATENCY_S)
    with LoopbackServer(provider) as server:
        (folder / "nightjar.toml").write_text(TOML.format(url=server.url), encoding="utf-8")
        service = Service(folder, write_edition(folder / "catalog", 1), by_command=by_command)
        fire = Fire(service, random.Random(seed))
        readers = [start_reader(service, number, hold) for number, hold in enumerate((0.0, 1.5))]
        problem = ""
        try:
            service.start()
            seconds = fire.complete_night("")
            say(f"the first night, undisturbed: {seconds:.0f} s")
            for edition, stages in EDITIONS.items():
                write_edition(folder / "catalog", edition)
                for stage in stages:
                    if stage in only:
                        fire.kill_in(stage, edition)
                if not by_command and edition > 1:
                    fire.kill_in(
                        "judge" if edition == 2 else "publish", edition, whom="serve" if edition == 2 else "server"
                    )
            states = service.states()
        except (RuntimeError, TimeoutError, OSError, httpx.HTTPError) as error:
            # What was seen until then is worth a page that says so.
            problem, states = f"{type(error).__name__}: {error}", {}
            say(problem)
        finally:
            counts = [stop_reader(process, report) for process, report in readers]
            service.stop()
        questions = provider.questions
    return {
        "kills": fire.kills,
        "n_nights": fire.n_nights,
        "readers": counts,
        "states": states,
        "statuses": read_statuses(service.warehouse),
        "n_questions": len(questions),
        "asked_again": provider.asked_again(),
        "paid_twice": provider.paid_twice([kill.at for kill in fire.kills]),
        "seconds": time.monotonic() - begun,
        "by_command": by_command,
        "problem": problem,
    }


def start_reader(service: Service, number: int, hold: float) -> tuple[subprocess.Popen[bytes], Path]:
    """A reader in a process of its own."""
    report = service.folder / f"reader-{number}.json"
    words = ["-m", "benchmarks.under_fire.reader", str(service.published), str(report), "--hold", str(hold)]
    return subprocess.Popen([sys.executable, *words], cwd=ROOT), report


def stop_reader(process: subprocess.Popen[bytes], report: Path) -> dict[str, Any]:
    """What it counted."""
    process.terminate()
    process.wait(30)
    return dict(json.loads(report.read_text(encoding="utf-8")))


def read_marks(path: Path) -> list[tuple[float, int, str, str]]:
    """(time, process id, stage, begin or end) of all stages so far."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        at, pid, rest = line.split(" ", 2)
        stage, what = rest.rsplit(" ", 1)
        found.append((float(at), int(pid), stage, what))
    return found


def mark_of(path: Path, done: int, stage: str, what: str) -> tuple[float, int] | None:
    """The first such mark after the first `done` ones: when, and in which process."""
    for at, pid, name, kind in read_marks(path)[done:]:
        if (name, kind) == (stage, what):
            return at, pid
    return None


def latest(published: Path) -> str:
    """The publication that latest.json names; "" before the first."""
    try:
        return str(json.loads((published / "latest.json").read_text(encoding="utf-8"))["publication"])
    except FileNotFoundError:
        return ""


def left_behind(warehouse: Path) -> list[str]:
    """What a dead process may leave half written, and the next night should have swept."""
    patterns = ("runs/*/*/*.partial", "models/*/*.partial", "published/.staging-*", "published/.latest*", "**/*.tmp")
    return sorted({str(path.relative_to(warehouse)) for pattern in patterns for path in warehouse.glob(pattern)})


def read_statuses(warehouse: Path) -> dict[str, int]:
    """How the runs ended, as the warehouse knows."""
    with duckdb.connect(str(warehouse / DATABASE), read_only=True) as connection:
        return dict(Counter(status for (status,) in connection.execute("select status from runs").fetchall()))


def say(text: str) -> None:
    """A line at once, also into a pipe."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
