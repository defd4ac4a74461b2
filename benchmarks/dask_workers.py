"""The sharded stages on a real Dask cluster: the same rows as here, two workers against one, a worker killed, one that joins late.

    python -m benchmarks.dask_workers [--small] [--namespaces] [--cores SHARE] [--once] [--users N] [--items N]
        [--texts N] [--out FILE]

Makes a catalog of clustered vectors (benchmarks/million_data.py), with a ranker that is trained on it, and one of generated
texts (benchmarks/topics_items.py) in temporary warehouses, runs enrich over the texts (which embeds them too), and candidates,
score and publish over the other, here and on workers of one thread each (processes on loopback, or each in a network namespace
with its own address, which needs root and iproute2), and compares the shards' bytes, the labels' and the published rows.
Candidates a user and users a shard are as they are by default. --cores holds each worker to that share of a core, which needs
root: with 0.5, two workers and the coordinator have at once on two cores what each has alone, as on machines of their own. Takes
about 20 minutes on two quiet cores, with --small about 4, with --cores 0.5 twice that; needs 6 GiB of memory and 4 GB of disk,
and leaves nothing behind.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import distributed
import polars as pl
import psutil

from benchmarks.dask_cluster import Cluster, why_no_namespaces
from benchmarks.dask_cores import why_no_shares
from benchmarks.dask_page import Timed, write_report
from benchmarks.million_catalog import make_catalog, make_context
from benchmarks.million_data import fill
from benchmarks.million_night import PER_SOURCE, TOTAL
from benchmarks.topics_items import fill_warehouse
from benchmarks.topics_items import make_catalog as make_library
from tasks.candidates import candidates
from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.contracts.sharding import DoneShard
from tasks.enrich import enrich
from tasks.publish import publish
from tasks.runs import start_run
from tasks.score import score
from tasks.sharding.dask_pool import DaskPool
from tasks.train import train
from warehouse.connection import open_warehouse
from warehouse.publication import resolve_latest

RESULTS = Path(__file__).parent / "results" / "dask_workers.md"
STAGES = {"enrich": enrich, "candidates": candidates, "score": score, "publish": publish}
TEXTS = "enrich"


class Bench:
    """The runs over one warehouse, and what they showed."""

    def __init__(self, context: StepContext, texts: StepContext, cluster: Cluster, shared: Path) -> None:
        self.context, self.texts, self.cluster, self.shared = context, texts, cluster, shared
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
        texts = replace(self.texts, run_id=run_id, pool=context.pool)
        _begin(context)
        _begin(texts, forget=("embeddings", "enrichments"))
        before, of_workers, self.sharded = _cpu(), self._worker_cpu(), 0.0
        for stage, step in STAGES.items():
            clock = time.perf_counter()
            report: StepReport = step.fn(texts if stage == TEXTS else context)
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
            _digests(context, texts),
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


def _train(context: StepContext) -> None:
    """The ranker by which all runs score, of candidates that are made for it."""
    _begin(context)
    for step in (candidates, train):
        print(f"{step.name}: {'; '.join(step.fn(context).notes)}", flush=True)


def _begin(context: StepContext, *, forget: Sequence[str] = ()) -> None:
    """A run begins; what is to be made again is forgotten."""
    start_run(
        context.folder, context.run_id, as_of=context.as_of, catalogs=[context.catalog.name], code_version="benchmark"
    )
    with open_warehouse(context.folder) as warehouse:
        for table in forget:
            warehouse.connection.execute(f"delete from {table}")


def _digests(context: StepContext, texts: StepContext) -> dict[str, str]:
    """Of the shards' bytes, of the published rows (a file names its run), and of the labels in the order of their contents."""
    folder = context.folder / "runs" / context.run_id
    found = sorted(folder.glob("*/*/shard-*.parquet"))
    made = {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
    latest = resolve_latest(context.folder / "published")
    for number, path in enumerate(latest.files("recommendations")):
        made[f"published {number}"] = _digest(pl.read_parquet(path))
    with open_warehouse(texts.folder, read_only=True) as warehouse:
        labels = warehouse.connection.sql("select * from enrichments order by content_hash").pl()
    return made | {"labels": _digest(labels.drop("run_id", "created_at"))}


def _digest(rows: pl.DataFrame) -> str:
    return hashlib.sha256(rows.write_json().encode()).hexdigest()


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


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--namespaces", action="store_true")
    parser.add_argument("--cores", type=float)
    parser.add_argument("--once", action="store_true", help="one worker, and nothing is compared but the bytes")
    parser.add_argument("--users", type=int)
    parser.add_argument("--items", type=int)
    parser.add_argument("--texts", type=int)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    # As an error would: what was started is ended, namespaces and folders are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options.users = options.users or (2_000 if options.small else 60_000)
    options.items = options.items or (1_000 if options.small else 50_000)
    options.texts = options.texts or (600 if options.small else 6_000)
    options.load = os.getloadavg()[0]
    options.shard_users = 200 if options.small else StepContext.shard_users
    name = "dask_namespaces.md" if options.namespaces else "dask_workers.md"
    name = name if options.cores is None else name.replace(".md", "_held.md")
    reason = why_no_namespaces() if options.namespaces else ""
    reason = reason or ("" if options.cores is None else why_no_shares())
    if reason:
        raise SystemExit(reason)
    with tempfile.TemporaryDirectory(prefix="nightjar-dask-") as folder:
        fill(Path(folder) / "warehouse", n_users=options.users, n_items=options.items)
        catalog = make_catalog(per_source=PER_SOURCE, total=TOTAL, exact_up_to=options.items // 2)
        context = make_context(Path(folder) / "warehouse", catalog, shard_users=options.shard_users)
        fill_warehouse(Path(folder) / "texts", n_items=options.texts)
        texts = StepContext("r0", make_library(), Path(folder) / "texts", context.as_of)
        _train(replace(context, run_id="r0"))
        with Cluster(Path(folder) / "cluster", in_namespaces=options.namespaces, cores=options.cores) as cluster:
            bench = Bench(context, texts, cluster, Path(folder) / "shared")
            measure(bench, is_once=options.once)
            write_report(bench.runs, options, options.out or RESULTS.with_name(name))


if __name__ == "__main__":
    main()
