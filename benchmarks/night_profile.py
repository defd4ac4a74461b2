"""Where a whole night's time goes: every stage of BBC and MovieLens in a process of its own, with what is slow in it.

    python -m benchmarks.night_profile --data ../shared/data --mark before [--only bbc] [--functions]

Each stage is run by its step task, without the flow around it, and told with wall and CPU seconds (threads and children
included), peak memory and, with --functions, the functions of ours in which most time was spent, themselves and all that
they call. The profiler's own cost is in the functions' shares, not in the seconds: they come from a night without it.
Writes benchmarks/results/night_profile_<mark>.md.
"""

from __future__ import annotations

import argparse
import cProfile
import importlib
import json
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.real_catalogs import AS_OF, CATALOGS, STAGES
from tasks.contracts.catalog_file import load_catalog
from tasks.contracts.context import StepContext
from tasks.runs import start_run

ROOT = Path(__file__).resolve().parent.parent
SHOWN_FUNCTIONS = 4
USERS = {"bbc": 200, "movielens-100k": 0}


def run_stage(name: str, stage: str, *, folder: Path, data: Path, profiled: bool) -> dict[str, Any]:
    """One stage in this process: wall and CPU seconds, peak MiB, rows, and (profiled) the dearest functions."""
    catalog = load_catalog(CATALOGS / f"{name}.toml", {"data": str(data.resolve())})
    context = StepContext("night", catalog, folder, AS_OF, threads=os.cpu_count() or 1)
    step = getattr(importlib.import_module(f"tasks.{stage}"), stage).fn
    given = {"n_users": USERS[name], "seed": 1} if stage == "simulate_users" else {}
    profile = cProfile.Profile() if profiled else None
    wall, cpu = time.monotonic(), _cpu_seconds()
    report = profile.runcall(step, context, **given) if profile else step(context, **given)
    told = {"wall": time.monotonic() - wall, "cpu": _cpu_seconds() - cpu, "rows": report.rows_out}
    told["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**told, "functions": _dearest(profile) if profile else []}


def _cpu_seconds() -> float:
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def _dearest(profile: cProfile.Profile) -> list[tuple[str, float]]:
    """Functions of this project by the share of the stage's time in them and in what they call; the step itself is left out."""
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    total = max(entry[3] for entry in stats.values())
    ours = [
        (f"{Path(file).relative_to(ROOT).with_suffix('')}.{function}", entry[3] / total)
        for (file, _, function), entry in stats.items()
        if file.startswith(str(ROOT)) and ".venv" not in file and "benchmarks" not in file and "<" not in function
    ]
    ours.sort(key=lambda one: -one[1])
    return [one for one in ours if one[1] < 0.97][:SHOWN_FUNCTIONS]


def run_night(name: str, folder: Path, *, data: Path, profiled: bool) -> dict[str, dict[str, Any]]:
    """What run_stage tells of each stage, a process each."""
    start_run(folder, "night", as_of=AS_OF, catalogs=[name], code_version="benchmark")
    told = {}
    stages = (["simulate_users"] if USERS[name] else []) + list(STAGES)
    for stage in stages:
        command = [sys.executable, "-m", "benchmarks.night_profile", "--data", str(data), "--warehouse", str(folder)]
        command += ["--only", name, "--stage", stage, *(["--profiled"] if profiled else [])]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        told[stage] = json.loads(done.stdout.splitlines()[-1])
        print(f"{name} {stage}: {json.dumps(told[stage])}", file=sys.stderr, flush=True)
    return told


def describe(name: str, plain: dict[str, dict[str, Any]], profiled: dict[str, dict[str, Any]] | None) -> str:
    """The table of one catalog's night; profiled: the same night under the profiler."""
    whole = sum(stage["wall"] for stage in plain.values())
    lines = [
        f"## {name}: {whole:.0f} s, {sum(stage['cpu'] for stage in plain.values()):.0f} CPU s\n",
        "| stage | wall s | of the night | CPU s | peak MiB | rows | dearest functions, with what they call |",
        "|---|---|---|---|---|---|---|",
    ]
    for stage, told in plain.items():
        functions = profiled[stage]["functions"] if profiled else []
        dearest = ", ".join(f"`{function}` {share:.0%}" for function, share in functions)
        lines.append(
            f"| {stage} | {told['wall']:.1f} | {told['wall'] / whole:.1%} | {told['cpu']:.1f} | {told['peak']:.0f}"
            f" | {told['rows']:,} | {dearest if told['wall'] >= 1 else ''} |"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the nights, or one stage for them, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with bbc-news-summary.zip and ml-100k.zip")
    parser.add_argument("--mark", default="now", help="of the page's name")
    parser.add_argument("--only", choices=tuple(USERS))
    parser.add_argument("--functions", action="store_true", help="a second night, under the profiler")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--warehouse", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--profiled", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.stage:
        told = run_stage(given.only, given.stage, folder=given.warehouse, data=given.data, profiled=given.profiled)
        print(json.dumps(told))
        return
    parts = []
    for name in [given.only] if given.only else USERS:
        with tempfile.TemporaryDirectory() as temporary:
            plain = run_night(name, Path(temporary) / "plain", data=given.data, profiled=False)
            again = Path(temporary) / "profiled"
            profiled = run_night(name, again, data=given.data, profiled=True) if given.functions else None
        parts.append(describe(name, plain, profiled))
    head = (
        f"# A whole night, stage by stage: {given.mark}\n\n`python -m benchmarks.night_profile --data DATA --mark {given.mark}`,"
        f" {os.cpu_count()} cores, embedded labeler.\nEach stage is a process of its own; its imports are in its seconds.\n\n"
    )
    page = Path(f"benchmarks/results/night_profile_{given.mark}.md")
    page.write_text(head + "\n\n".join(parts) + "\n", encoding="utf-8")
    print(page.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
