"""The engine against a loopback server that speaks real HTTP: speed, faults, kills, batches, money, memory.

    python -m benchmarks.llm_engine [--only speed,faults] [--output benchmarks/results/llm_engine.md]

Server (python -m tasks.llm.fake) and every night (benchmarks/asking/night.py) are processes of their own, as they would
be; each night labels news of five topics through the `openai` labeler and lands the labels in a DuckDB warehouse.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from benchmarks.asking import faults, memory, speed
from benchmarks.asking.table import HEAD, Line

PACKAGES = ("openai", "aiohttp", "duckdb", "pydantic")
SECTIONS: dict[str, tuple[Callable[[], list[Line]], ...]] = {
    "speed": (
        speed.measure_latency,
        speed.measure_defaults,
        speed.measure_instant,
        speed.measure_slow,
        speed.measure_crowd,
        speed.measure_limit,
    ),
    "faults": (
        faults.measure_bad_rows,
        faults.measure_malformed,
        faults.measure_foreign,
        faults.measure_additions,
        faults.measure_changes,
        faults.measure_batch,
    ),
    "money": (faults.measure_budget, faults.measure_sizes),
    "kills": (faults.measure_kill, faults.measure_kills),
    "memory": (memory.measure_few, memory.measure_many),
}


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SECTIONS), help=f"sections, of {', '.join(SECTIONS)}")
    parser.add_argument("--output", type=Path, default=None)
    chosen = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    text = f"# The engine\n\n{os.cpu_count()} cores, Python {platform.python_version()}, {packages}.\n"
    for section in chosen.only.split(","):
        text += f"\n## {section.capitalize()}\n\n{HEAD}\n"
        for measure in SECTIONS[section]:
            for line in measure():
                print(line.render(), flush=True)
                text += line.render() + "\n"
    if chosen.output:
        chosen.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
