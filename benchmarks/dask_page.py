"""The page of benchmarks/dask_workers.py. Pure but for the file that it writes."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import distributed
import numpy as np
import polars as pl

from benchmarks.million_night import TOTAL

WANTED_RATIO = 1.7


@dataclass(frozen=True)
class Timed:
    """One run of the stages: seconds of each, and of their shards alone; CPU seconds of this process and of each worker;
    shards by worker, digests of the shards.
    """

    name: str
    seconds: dict[str, float]
    sharded: float
    cpu: float
    worker_cpu: list[float]
    by_worker: str
    digests: dict[str, str]

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


def write_report(found: Sequence[Timed], options: argparse.Namespace, target: Path) -> None:
    """The page of results."""
    runs = {run.name: run for run in found}
    here = found[0]
    held = "" if options.cores is None else f"; each worker is held to {options.cores:g} of a core by the kernel"
    flags = [f"--{name}" for name in ("small", "namespaces") if getattr(options, name)]
    flags += [] if options.cores is None else [f"--cores {options.cores:g}"]
    flags += [f"--{name} {getattr(options, name)}" for name in ("users", "items", "texts")]
    places = "network namespaces, an address each" if options.namespaces else "processes on loopback"
    lines = [
        f"# The sharded stages on Dask workers: {places}",
        "",
        f"Made by `{' '.join(['python -m benchmarks.dask_workers', *flags])}` on {date.today()}: {options.users} users,"
        f" {options.items} items, 384 dimensions, {TOTAL} candidates a user which a trained ranker scores,"
        f" {options.shard_users} users a shard, and"
        f" {options.texts} texts that are embedded and enriched; Python {platform.python_version()}, NumPy {np.__version__},"
        f" Polars {pl.__version__}, distributed {distributed.__version__}, {platform.machine()}, 2 cores which the coordinator,"
        f" the scheduler and the workers share; a worker has one thread{held}. Load of the machine before: {options.load:.1f}.",
        "",
        f"| run | {' | '.join(f'{stage} s' for stage in here.seconds)} | all s | of that shards s | CPU s of the coordinator |"
        " CPU s of each worker | the same as here | shards by worker |",
        f"|{'---|' * (7 + len(here.seconds))}",
    ]
    for run in found:
        same = "-" if run is here else ("yes" if run.digests == here.digests else "NO")
        lines.append(
            f"| {run.name} | {' | '.join(f'{seconds:.1f}' for seconds in run.seconds.values())} | {run.total:.1f} |"
            f" {run.sharded:.1f} | {run.cpu:.1f} | {', '.join(f'{used:.1f}' for used in run.worker_cpu)} |"
            f" {same} | {run.by_worker.replace('tcp://', '')} |"
        )
    lines += ["", "| what | seen | wanted |", "|---|---|---|"]
    lines += _compare(runs)
    lines += [
        f"| runs of which shards, published rows and labels ({len(here.digests)} sums) are those of here | "
        f"{sum(run.digests == here.digests for run in found[1:])} of {len(found) - 1} | all |",
        "",
        "A worker is killed (SIGKILL), or a second one starts, when the first part of enrich has arrived and others are under way;"
        " the other stages then run with the workers that are left. The same sums: nothing is missing and nothing twice.",
        "",
        *_what_holding_shows(options.cores),
    ]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


def _what_holding_shows(cores: float | None) -> list[str]:
    if cores is None:
        return []
    return [
        "Without being held, two workers, the coordinator and the scheduler share two cores, and the ratio is the machine's."
        " Held, a worker has alone what it has beside another, as on a machine of its own; what is not shown is a network"
        " slower than this machine's memory.",
        "",
    ]


def _compare(runs: dict[str, Timed]) -> list[str]:
    """Two workers against one."""
    if "two workers" not in runs:
        return []
    one, two = runs["one worker"], runs["two workers"]
    busier = max(one.worker_cpu) / max(two.worker_cpu)
    return [
        *(
            f"| two workers against one, {stage} | {one.seconds[stage] / two.seconds[stage]:.2f} | {WANTED_RATIO} |"
            for stage in one.seconds
        ),
        f"| two workers against one, all stages | {one.total / two.total:.2f} | {WANTED_RATIO} |",
        f"| two workers against one, the shards of all stages alone | {one.sharded / two.sharded:.2f} | {WANTED_RATIO} |",
        f"| CPU seconds of the one worker against those of the busier of two | {busier:.2f} | |",
    ]
