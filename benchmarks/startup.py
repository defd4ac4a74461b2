"""How long the commands take that only look: `python -m benchmarks.startup [--small] [--data WAREHOUSE]`.

Runs each command in a process of its own, five times (twice with --small), and takes the least wall time and CPU time: the
rest is what else the machine did. --data is a warehouse to look at, which is copied; without one there is an empty one, and
`verify` and `plan` have nothing to look at. Half a minute, and five minutes with a warehouse of a million users.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

from tasks.runs import start_run

RESULT = Path(__file__).resolve().parent / "results" / "startup.md"
NIGHTJAR = str(Path(sys.executable).with_name("nightjar"))
CATALOG = Path(__file__).resolve().parents[1] / "examples" / "sample" / "news.toml"
AIMS = {"--help": 0.5, "status": 1.0}


def main() -> None:
    """Time the commands and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="two runs of each instead of five")
    parser.add_argument("--data", type=Path, help="a warehouse, which is copied")
    arguments = parser.parse_args()
    n_runs = 2 if arguments.small else 5
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Path(folder) / "warehouse"
        if arguments.data:
            shutil.copytree(arguments.data, warehouse, symlinks=True)
        else:
            start_run(warehouse, "r1", as_of=date(2026, 11, 1), catalogs=["news"], code_version="benchmark")
        commands = [["--help"], ["run", "--help"], ["status"], ["publications"], ["sql", "select count(*) from items"]]
        if arguments.data:
            commands += [["verify"], ["plan", "--catalog", str(CATALOG)]]
        rows = [(command, *_best_of(n_runs, ["--warehouse", str(warehouse), *command])) for command in commands]
    report = _render(rows, n_runs, arguments.data)
    RESULT.write_text(report, encoding="utf-8")
    print(report)


def _best_of(n_runs: int, words: list[str]) -> tuple[float, float]:
    """The least wall and CPU seconds of a command; raises SystemExit with what it said if it fails."""
    walls, cpus = [], []
    for _ in range(n_runs):
        before, started = _used(), time.perf_counter()
        done = subprocess.run([NIGHTJAR, *words], capture_output=True, text=True, check=False)
        walls.append(time.perf_counter() - started)
        cpus.append(_used() - before)
        if done.returncode:
            raise SystemExit(f"nightjar {' '.join(words)} failed: {done.stderr}")
    return min(walls), min(cpus)


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _render(rows: list[tuple[list[str], float, float]], n_runs: int, data: Path | None) -> str:
    what = "a warehouse with a night in it" if data else "an empty warehouse"
    lines = [
        "# Start-up of the commands that only look",
        "",
        f"`python -m benchmarks.startup{' --data WAREHOUSE' if data else ''}` on {datetime.now(UTC):%Y-%m-%d}; {os.cpu_count()}"
        f" cores, Python {platform.python_version()}; {what}; the best of {n_runs} runs in processes of their own.",
        "",
        "| command | wall, s | CPU, s | aimed at, s |",
        "|---|---|---|---|",
    ]
    for command, wall, cpu in rows:
        aim = AIMS.get(command[0], "")
        shown = " ".join(Path(word).name if word.endswith(".toml") else word for word in command)
        lines.append(f"| `nightjar {shown}` | {wall:.2f} | {cpu:.2f} | {aim} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
