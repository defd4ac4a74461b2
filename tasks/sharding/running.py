"""A stage's parts, one shard each: through threads of this process, or through a pool of workers; the shards are the same.

The caller's thread alone reads (parts are made there, a little ahead of the work) and writes, so that DuckDB has one user.
numpy, polars, faiss and LightGBM let other threads run while they compute. Memory O(shards at once).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count, islice
from typing import Any

from threadpoolctl import threadpool_limits

from tasks.contracts.dots import use_one_thread
from tasks.contracts.sharding import ShardPool
from tasks.sharding.memory import freed_memory_kept
from tasks.sharding.registry import Job, MadeShard, job_of
from warehouse.shards import ShardWriter

AHEAD = 1
"""So many parts more than threads are held, so that none waits for the warehouse."""


def run_shards(
    job: str,
    kit: object,
    parts: Iterable[object],
    *,
    output: ShardWriter,
    stage: str,
    pool: ShardPool | None,
    threads: int,
) -> Iterator[Mapping[str, Any]]:
    """Make a shard of each part and hand it to the output; the facts of each, as it is there.

    stage names the shards in a pool's folder. Shards follow those that the output has already. Raises what a job raises.
    """
    first = output.n_shards
    if pool is None:
        with freed_memory_kept():
            for number, made in enumerate(_in_order(job_of(job), kit, parts, threads=threads)):
                output.write(made.frame, number=first + number)
                yield made.facts
        return
    for done in pool.map(job, kit, parts, stage=stage):
        pool.take(done, output.place(first + done.number))
        output.adopt(first + done.number, n_rows=done.n_rows)
        yield done.facts


def _in_order(job: Job, kit: object, parts: Iterable[object], *, threads: int) -> Iterator[MadeShard]:
    if threads == 1:
        with threadpool_limits(1, "blas"):
            yield from (job(kit, part) for part in parts)
        return
    source, running = iter(parts), deque[Future[MadeShard]]()
    # Shards run side by side, so each computes on one thread: small products on several only wait for one another.
    with (
        threadpool_limits(1, "blas"),
        ThreadPoolExecutor(threads, thread_name_prefix="shard", initializer=use_one_thread) as workers,
    ):
        try:
            for _ in count():
                for part in islice(source, threads + AHEAD - len(running)):
                    running.append(workers.submit(job, kit, part))
                if not running:
                    return
                yield running.popleft().result()
        finally:
            for one in running:
                one.cancel()
