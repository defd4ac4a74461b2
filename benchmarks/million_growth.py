"""How the stages grow: 10,000, 100,000 and a million users with the items fixed; items growing with the users fixed.

    python -m benchmarks.million_growth [--users 10000,100000,1000000] [--items 50000,200000,1000000]
        [--fixed-items 1000000] [--fixed-users 100000] [--small] [--folder DIR] [--output PAGE]

Each night is one of benchmarks/million_night.py without its bare calls; the exponent of a stage is the slope of the logarithm
of its CPU seconds (and of its wall-clock seconds) by that of the size, fit to all sizes; that of the last step, where fixed costs
weigh least, stands beside them. About two hours on two cores and 25 GB of disk; --small (2,000 to 20,000 users, 10,000 to
50,000 items) ten minutes. --folder keeps the results of nights: what is there (as USERS-ITEMS/results.json) is not run again.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.million_night import run_all, work_folder

STAGES = ("candidates", "train", "score", "publish", "verify")
GOAL = 1.1
Night = tuple[int, int, dict[str, dict[str, Any]]]
"""Users, items and the results of the night."""


def fit_exponent(sizes: list[int], seconds: list[float]) -> float:
    """The slope of log(seconds) by log(size), by least squares.

    >>> round(fit_exponent([10, 100, 1000], [2.0, 20.0, 200.0]), 6)
    1.0
    """
    return float(np.polyfit(np.log(sizes), np.log(np.maximum(seconds, 1e-3)), 1)[0])


def run_nights(folder: Path, sizes: list[tuple[int, int]]) -> list[Night]:
    """A night of each size; its folder goes when it is done, but for its results."""
    nights = []
    for n_users, n_items in sizes:
        here = folder / f"{n_users}-{n_items}"
        here.mkdir(exist_ok=True)
        nights.append((n_users, n_items, run_all(here, n_users=n_users, n_items=n_items, is_bare=False)))
        for part in here.iterdir():
            if part.is_dir():
                shutil.rmtree(part)
            elif part.name != "results.json":
                part.unlink()
    return nights


def describe(by_users: list[Night], by_items: list[Night]) -> str:
    """The page."""
    lines = [
        "# How a night grows\n",
        "`python -m benchmarks.million_growth`. Nights of `benchmarks/million_night.py`, each stage a process of its own."
        f" Python {platform.python_version()}, {os.cpu_count()} cores. CPU seconds, and wall-clock seconds behind them;"
        " exponents of both.\n",
        f"## Users grow, {by_users[0][1]:,} items\n",
        _table(by_users, 0),
        f"\n{_verdict(by_users)}\n",
        f"## Items grow, {by_items[0][0]:,} users\n",
        _table(by_items, 1),
        "\nWith the users fixed, candidates grow by the building of the index and by the reading of vectors; what is done"
        " for a user grows by the cells that a query looks into, and by vectors that the processor's cache no longer holds.\n",
    ]  # fmt: skip
    return "\n".join(lines)


def _table(nights: list[Night], axis: int) -> str:
    sizes = [night[axis] for night in nights]
    head = (
        "| stage | "
        + " | ".join(f"{size:,}" for size in sizes)
        + " | exponent (CPU) | exponent (wall) | last step (CPU) |"
    )
    rows = [head, "|---" * (len(sizes) + 4) + "|"]
    for stage in STAGES:
        cpu, wall = ([night[2][stage][of] for night in nights] for of in ("cpu", "seconds"))
        cells = " | ".join(f"{one:,.1f} ({other:,.1f})" for one, other in zip(cpu, wall, strict=True))
        rows.append(
            f"| {stage} | {cells} | {fit_exponent(sizes, cpu):.2f} | {fit_exponent(sizes, wall):.2f}"
            f" | {fit_exponent(sizes[-2:], cpu[-2:]):.2f} |"
        )
    peaks = " | ".join(f"{max(night[2][stage]['peak_mib'] for stage in STAGES) / 1024:.2f}" for night in nights)
    rows.append(f"| peak GiB | {peaks} | | | |")
    return "\n".join(rows)


def _verdict(nights: list[Night]) -> str:
    sizes = [night[0] for night in nights]
    cpu = {stage: [night[2][stage]["cpu"] for night in nights] for stage in STAGES}
    found = {stage: max(fit_exponent(sizes, of), fit_exponent(sizes[-2:], of[-2:])) for stage, of in cpu.items()}
    above = [f"{stage} ({exponent:.2f})" for stage, exponent in found.items() if exponent > GOAL]
    return f"Above {GOAL} in users: {', '.join(above) or 'none'}."


def main() -> None:
    """Run the nights and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=_sizes, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--items", type=_sizes, default=[50_000, 200_000, 1_000_000])
    parser.add_argument("--fixed-items", type=int, default=1_000_000)
    parser.add_argument("--fixed-users", type=int, default=100_000)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results/million_growth.md")
    asked = parser.parse_args()
    if asked.small:
        asked.users, asked.items = [2_000, 6_000, 20_000], [10_000, 25_000, 50_000]
        asked.fixed_items, asked.fixed_users = 20_000, 4_000
    with work_folder(asked.folder) as folder:
        by_users = run_nights(folder, [(n_users, asked.fixed_items) for n_users in asked.users])
        by_items = run_nights(folder, [(asked.fixed_users, n_items) for n_items in asked.items])
    asked.output.write_text(describe(by_users, by_items), encoding="utf-8")


def _sizes(text: str) -> list[int]:
    return [int(one) for one in text.split(",")]


if __name__ == "__main__":
    main()
