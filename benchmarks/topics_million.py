"""Topics of a million items: by the embedded labeler, and by the cascade's student. How fast, and how much memory?

    python -m benchmarks.topics_million [--items 1000000] [--small] [--output benchmarks/results/topics_million.md]

Makes a warehouse of generated items whose vectors are stored already (benchmarks/topics_items.py), so that the model that
embeds items is not what is measured; the words of the reasons it embeds all the same. Then the real stage `topics` runs
twice: with the embedded labeler alone; then with a cascade, whose strong labeler is simulated (right in 93.2 % of its
answers), so that the student answers the rest. All of it at a tenth of the size first, which shows what grows. Every part is
a process of its own. --small is 50,000 items. About 10 GB of disk; the wall time of each part is in the page.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

MILLION, SMALL, TENTH = 1_000_000, 50_000, 10
SHARES = (0.1, 0.5, 1.0)
STRONG_ERROR, STRONG_SHARE, AUDIT_SHARE = 0.068, 0.004, 0.002
DAY = date(2026, 11, 1)
PACKAGES = ("duckdb", "polars", "numpy", "scikit-learn", "sentence-transformers", "torch")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def make(folder: Path, *, n_items: int) -> dict[str, Any]:
    """The warehouse before the stage."""
    from benchmarks.topics_items import fill_warehouse

    fill_warehouse(folder, n_items=n_items)
    return {}


def embedded(folder: Path, *, n_items: int) -> dict[str, Any]:
    """The stage with the embedded labeler; memory while it labels, and a second night that has nothing to do."""
    from benchmarks.topics_items import count_right, make_catalog
    from tasks.contracts.context import StepContext

    highest = dict.fromkeys(SHARES, 0.0)
    base = [time.perf_counter()]

    def look(done: int, total: int | None) -> None:
        if len(base) == 1:
            base.append(time.perf_counter())
        share = next(share for share in SHARES if done <= share * n_items or share == SHARES[-1])
        highest[share] = max(highest[share], _resident_mb())

    context = StepContext("embedded", make_catalog(), folder, DAY, progress=look)
    seconds, _ = _run_stage(context)
    again, _ = _run_stage(replace(context, run_id="again", progress=lambda done, total: None))
    return {"stage_s": seconds, "fit_s": base[1] - base[0], "mb": highest, "again_s": again, **count_right(folder)}


def student(folder: Path, *, n_items: int) -> dict[str, Any]:
    """The stage with a cascade over the labels that are there: what the student adds."""
    from benchmarks.topics_items import count_right, make_catalog, plug_strong
    from tasks.contracts.context import StepContext

    catalog = make_catalog()
    cascade = catalog.cascade.model_copy(
        update={"strong": "openai:strong", "strong_share": STRONG_SHARE, "audit_share": AUDIT_SHARE}
    )
    context = StepContext("student", catalog.model_copy(update={"cascade": cascade}), folder, DAY)
    with plug_strong(error=STRONG_ERROR):
        seconds, notes = _run_stage(context)
        again, _ = _run_stage(replace(context, run_id="again-student"))
    return {"stage_s": seconds, "again_s": again, "notes": notes, **count_right(folder)}


def _run_stage(context: Any) -> tuple[float, tuple[str, ...]]:
    """Seconds, and what the stage said."""
    from tasks.runs import start_run

    start_run(context.folder, context.run_id, as_of=DAY, catalogs=[context.catalog.name], code_version="benchmark")
    # The package gives the task of that name; its module is wanted here.
    clock = time.perf_counter()
    report = importlib.import_module("tasks.topics").topics.fn(context)
    print(f"  {report.rows_out:,} labels; {'; '.join(report.notes)}", file=sys.stderr, flush=True)
    return time.perf_counter() - clock, report.notes


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES / 2**20


PARTS = {"make": make, "embedded": embedded, "student": student}


def measure(part: str, folder: Path, *, n_items: int) -> dict[str, Any]:
    """Run a part in a process of its own: its facts, wall and CPU seconds, peak memory in MiB."""
    print(f"{part}, {n_items:,} items", file=sys.stderr, flush=True)
    command = [
        sys.executable,
        "-m",
        "benchmarks.topics_million",
        "--part",
        part,
        "--items",
        str(n_items),
        "--folder",
        str(folder),
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return facts


def _run_part(part: str, folder: Path, n_items: int) -> None:
    clock = time.perf_counter()
    facts = PARTS[part](folder, n_items=n_items)
    used = resource.getrusage(resource.RUSAGE_SELF)
    facts |= {
        "wall_s": time.perf_counter() - clock,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
    }
    print(json.dumps(facts))


def describe(sizes: dict[int, dict[str, dict[str, Any]]]) -> str:
    """The page."""
    least, most = sizes
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    lines = [
        f"# Topics of {most:,} items\n",
        f"Made by `python -m benchmarks.topics_million --items {most}`. {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, {packages}. Items are generated, 45 words each, 8 topics, 384 numbers a vector, "
        "stored beforehand: embedding items is not measured here (see [embedding_speed.md](embedding_speed.md)). The stage is "
        "the real one, from the warehouse's tables to the landed labels.\n",
        "## The embedded labeler\n",
        "| items | fit, s | labeling, s | items a second | CPU seconds of the process | resident MiB up to 10 % | 50 % | 100 % "
        "| peak of the process | right | a second night, s |\n|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for n, parts in sizes.items():
        facts = parts["embedded"]
        labeling = facts["stage_s"] - facts["fit_s"]
        memory = " | ".join(f"{mb:,.0f}" for mb in facts["mb"].values())
        lines.append(
            f"| {n:,} | {facts['fit_s']:.1f} | {labeling:.0f} | **{n / labeling:,.0f}** | {facts['cpu_s']:.0f} | {memory} | "
            f"{facts['peak_mb']:,.0f} | {facts['right']:.1%} | {facts['again_s']:.1f} |"
        )
    first, last = (list(sizes[most]["embedded"]["mb"].values())[place] for place in (0, -1))
    lines += [
        f"\nFrom a tenth of the items to all of them, resident memory changes by {last - first:+,.0f} MiB "
        f"({(last - first) / first:+.1%}).\n",
        "## The student\n",
        f"All embedded labels are there; a simulated strong labeler that errs in {STRONG_ERROR:.1%} answers "
        f"{STRONG_SHARE:.1%} of the items; the student learns in rounds, and answers and decides every item.\n",
        "| items | stage, s | items a second | CPU seconds | peak MiB | right | a second night, s |\n|---|---|---|---|---|---|---|",
    ]
    for n, parts in sizes.items():
        facts = parts["student"]
        lines.append(
            f"| {n:,} | {facts['stage_s']:.0f} | **{n / facts['stage_s']:,.0f}** | {facts['cpu_s']:.0f} | "
            f"{facts['peak_mb']:,.0f} | {facts['right']:.1%} | {facts['again_s']:.1f} |"
        )
    grown = (sizes[most]["student"]["peak_mb"] - sizes[least]["student"]["peak_mb"]) * 2**20 / (most - least)
    lines += [
        f"\nThe evidence of a cascade is held as arrays, one row an item and a column a topic: {grown:,.0f} bytes an item more "
        f"from {least:,} to {most:,}; vectors pass in blocks.\n",
        *(f"The stage said, {n:,} items: {'; '.join(parts['student']['notes'])}.\n" for n, parts in sizes.items()),
        f"Making the {most:,} items took {sizes[most]['make']['wall_s']:.0f} s.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure at a tenth and at the full size, print, and write the page; or run one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=MILLION)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/topics_million.md"))
    parser.add_argument(
        "--folder", type=Path, default=None, help="where to make the warehouses; a temporary folder by default"
    )
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.part:
        _run_part(chosen.part, chosen.folder, chosen.items)
        return
    n_items = SMALL if chosen.small else chosen.items
    sizes: dict[int, dict[str, dict[str, Any]]] = {}
    for n in (n_items // TENTH, n_items):
        with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
            sizes[n] = {part: measure(part, Path(name), n_items=n) for part in PARTS}
    text = describe(sizes)
    print(text)
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
