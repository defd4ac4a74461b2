"""The sharded stages on a real Dask cluster: the same rows as here, two workers against one, a worker killed, one that joins late.

    python -m benchmarks.dask_workers [--small] [--namespaces] [--once] [--users N] [--items N] [--out FILE]

Makes a catalog of clustered vectors (benchmarks/million_data.py) in a temporary warehouse, runs candidates and score here and
on workers of one thread each (processes on loopback, or each in a network namespace with its own address, which needs root and
iproute2), and compares the shards' bytes. Takes about 15 minutes on two quiet cores, with --small about 3; needs 3 GiB of
memory and 2 GB of disk, and leaves nothing behind.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import distributed
import numpy as np
import polars as pl
import psutil

from benchmarks.dask_cluster import Cluster, why_no_namespaces
from benchmarks.million_catalog import make_catalog, make_context
from benchmarks.million_data import fill
from tasks.candidates import candidates
from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.contracts.sharding import DoneShard
from tasks.score import score
from tasks.sharding.dask_pool import DaskPool

RESULTS = Path(__file__).parent / "results" / "dask_workers.md"
WANTED_RATIO = 1.7
STAGES = {"candidates": candidates, "score": score}


@dataclass(frozen=True)
class Timed:
    """One run of the two stages: seconds of each, and of their shards alone; CPU seconds of this process and of each worker;
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


class Bench:
    """The runs over one warehouse, and what they showed."""

    def __init__(self, context: StepContext, cluster: Cluster, shared: Path) -> None:
        self.context, self.cluster, self.shared = context, cluster, shared
        self.runs: list[Timed] = []

    def here(self, threads: int) -> Timed:
        return self._run(f"this process, {threads} threads", replace(self.context, threads=threads), f"here{threads}")

    def on_workers(self, name: str, *, act: object = None) -> Timed:
        """act: called when the first shard of candidates is there."""
        run_id = "w" + "".join(letter for letter in name if letter.isalnum())
        with distributed.Client(self.cluster.address, set_as_default=False) as client:
            client.wait_for_workers(len(self.cluster.workers), timeout=120)
            with DaskPool(client, shared=str(self.shared), run_id=run_id, owner="bench") as pool:
                self._time_shards(pool)
                if act is not None:
                    _after_first(pool, act)
                return self._run(name, replace(self.context, pool=pool), run_id)

    def _run(self, name: str, context: StepContext, run_id: str) -> Timed:
        seconds, notes, context = {}, [], replace(context, run_id=run_id)
        before, of_workers, self.sharded = _cpu(), self._worker_cpu(), 0.0
        for stage, step in STAGES.items():
            clock = time.perf_counter()
            report: StepReport = step.fn(context)
            seconds[stage] = time.perf_counter() - clock
            notes += [note.split(": ", 1)[1] for note in report.notes if note.startswith("shards by worker")]
        after = self._worker_cpu()
        made = Timed(
            name,
            seconds,
            self.sharded,
            _cpu() - before,
            [after[worker] - of_workers.get(worker, 0.0) for worker in sorted(after)],
            " / ".join(notes),
            _digests(context.folder / "runs" / run_id),
        )
        print(f"{name}: {json.dumps({k: round(v, 1) for k, v in seconds.items()})} {made.by_worker}", flush=True)
        self.runs.append(made)
        return made

    def _time_shards(self, pool: DaskPool) -> None:
        """Add up the seconds from the first kit that is written to the last shard that is taken."""
        run = pool.map

        def timed(*args: object, **named: object) -> Iterator[DoneShard]:
            clock = time.perf_counter()
            yield from run(*args, **named)  # type: ignore[arg-type]
            self.sharded += time.perf_counter() - clock

        pool.map = timed  # type: ignore[method-assign]

    def _worker_cpu(self) -> dict[str, float]:
        """CPU seconds of each worker that lives, until now."""
        found = {name: psutil.Process(process.pid).cpu_times() for name, process in self.cluster.workers.items()}
        return {name: used.user + used.system for name, used in found.items()}


def _after_first(pool: DaskPool, act: object) -> None:
    take, todo = pool.take, [act]

    def wrapped(done: object, target: Path) -> None:
        take(done, target)  # type: ignore[arg-type]
        if todo:
            todo.pop()()  # type: ignore[operator]

    pool.take = wrapped  # type: ignore[method-assign]


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _digests(folder: Path) -> dict[str, str]:
    found = sorted(folder.glob("*/*/shard-*.parquet"))
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def measure(bench: Bench, *, is_once: bool) -> None:
    """All runs: here by two threads; one worker; two; two of which one is killed; one, joined by another.

    is_once: here, and one worker.
    """
    cluster = bench.cluster
    bench.here(2)
    cluster.add_worker()
    if is_once:
        bench.on_workers("one worker")
        return
    # What a worker loads and compiles once is not measured.
    bench.on_workers("warm-up")
    bench.on_workers("one worker")
    cluster.add_worker()
    bench.on_workers("two workers, the second fresh")
    bench.on_workers("two workers")
    bench.on_workers("two workers, one killed", act=lambda: cluster.kill(next(iter(cluster.workers))))
    bench.on_workers("one worker, a second joins", act=cluster.add_worker)


def write_report(bench: Bench, options: argparse.Namespace, target: Path) -> None:
    """The page of results."""
    runs = {run.name: run for run in bench.runs}
    here = bench.runs[0]
    places = "network namespaces, an address each" if options.namespaces else "processes on loopback"
    lines = [
        f"# The sharded stages on Dask workers: {places}",
        "",
        f"Made by `python -m benchmarks.dask_workers{' --small' if options.small else ''}"
        f"{' --namespaces' if options.namespaces else ''}` on {date.today()}: {options.users} users, {options.items} items,"
        f" 384 dimensions, {options.shard_users} users a shard; Python {platform.python_version()}, NumPy {np.__version__},"
        f" Polars {pl.__version__}, distributed {distributed.__version__}, {platform.machine()}, 2 cores which the coordinator,"
        f" the scheduler and the workers share; a worker has one thread. Load of the machine before: {options.load:.1f}.",
        "",
        "| run | candidates s | score s | both s | of that shards s | CPU s of the coordinator | CPU s of each worker |"
        " same bytes as here | shards by worker |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for run in bench.runs:
        same = "-" if run is here else ("yes" if run.digests == here.digests else "NO")
        lines.append(
            f"| {run.name} | {run.seconds['candidates']:.1f} | {run.seconds['score']:.1f} | {run.total:.1f} |"
            f" {run.sharded:.1f} | {run.cpu:.1f} | {', '.join(f'{used:.1f}' for used in run.worker_cpu)} |"
            f" {same} | {run.by_worker.replace('tcp://', '')} |"
        )
    lines += ["", "| what | seen | wanted |", "|---|---|---|"]
    lines += _compare(runs)
    lines += [
        f"| runs whose {len(here.digests)} shards have the same bytes as here | "
        f"{sum(run.digests == here.digests for run in bench.runs[1:])} of {len(bench.runs) - 1} | all |",
        "",
        "A worker is killed (SIGKILL), or a second one starts, when the first shard of candidates has arrived and others are under"
        " way. The same bytes in the same number of shards: nothing is missing and nothing twice.",
        "",
    ]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


def _compare(runs: dict[str, Timed]) -> list[str]:
    """Two workers against one."""
    if "two workers" not in runs:
        return []
    one, two = runs["one worker"], runs["two workers"]
    busier = max(one.worker_cpu) / max(two.worker_cpu)
    return [
        *(
            f"| two workers against one, {stage} | {one.seconds[stage] / two.seconds[stage]:.2f} | {WANTED_RATIO} |"
            for stage in STAGES
        ),
        f"| two workers against one, both stages | {one.total / two.total:.2f} | {WANTED_RATIO} |",
        f"| two workers against one, the shards of both stages alone | {one.sharded / two.sharded:.2f} | {WANTED_RATIO} |",
        f"| CPU seconds of the one worker against those of the busier of two | {busier:.2f} | |",
    ]


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--namespaces", action="store_true")
    parser.add_argument("--once", action="store_true", help="one worker, and nothing is compared but the bytes")
    parser.add_argument("--users", type=int)
    parser.add_argument("--items", type=int)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    options.users = options.users or (2_000 if options.small else 40_000)
    options.items = options.items or (1_000 if options.small else 20_000)
    options.load = os.getloadavg()[0]
    options.shard_users = 200 if options.small else 1_000
    name = "dask_namespaces.md" if options.namespaces else "dask_workers.md"
    reason = why_no_namespaces() if options.namespaces else ""
    if reason:
        raise SystemExit(reason)
    with tempfile.TemporaryDirectory(prefix="nightjar-dask-") as folder:
        fill(Path(folder) / "warehouse", n_users=options.users, n_items=options.items)
        catalog = make_catalog(per_source=50, total=100, exact_up_to=options.items // 2)
        context = make_context(Path(folder) / "warehouse", catalog, shard_users=options.shard_users)
        with Cluster(Path(folder) / "cluster", in_namespaces=options.namespaces) as cluster:
            bench = Bench(context, cluster, Path(folder) / "shared")
            measure(bench, is_once=options.once)
            write_report(bench, options, options.out or RESULTS.with_name(name))


if __name__ == "__main__":
    main()
