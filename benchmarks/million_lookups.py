"""The lookups of benchmarks/publication_million.py: one user's list with each program of examples/consume."""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.million_page import KEPT, LOOKUPS, PER_USER

CONSUME = Path(__file__).parent.parent / "examples/consume"


def look_up(folder: Path, *, tool: str, n_users: int) -> dict[str, Any]:
    """Milliseconds of one user's list in a process that has just started, then of 200 users one after the other."""
    sys.path.insert(0, str(CONSUME))
    published = str(folder / "published")
    forget_files(folder / "published")
    clock = time.monotonic()
    one, with_topics, read_latest = _load_tool(tool, published)
    imports = time.monotonic() - clock
    rng = random.Random(7)
    users = [f"u{rng.randrange(n_users):07d}" for _ in range(LOOKUPS + 1)]
    cold = _milliseconds(lambda: one(read_latest(published), users[0]))
    latest = read_latest(published)
    cpu = time.process_time()
    warm = [_milliseconds(lambda user=user: one(latest, user)) for user in users[1:]]
    cpu = (time.process_time() - cpu) * 1000 / LOOKUPS
    fresh = [_milliseconds(lambda user=user: one(read_latest(published), user)) for user in users[1:]]
    topics = [_milliseconds(lambda user=user: with_topics(latest, user)) for user in users[1:]]
    everything = latest.files
    object.__setattr__(latest, "files", lambda table, lead=None: everything(table))
    all_files = [_milliseconds(lambda user=user: one(latest, user)) for user in users[1 : 1 + LOOKUPS // 4]]
    return {
        "import_ms": imports * 1000, "cold": cold, "median": statistics.median(warm), "p95": _p95(warm), "cpu": cpu,
        "fresh": statistics.median(fresh), "topics": statistics.median(topics), "all_files": statistics.median(all_files),
    }  # fmt: skip


def keep_seven(folder: Path, *, n_users: int) -> dict[str, Any]:
    """Seven publications of this size: the latest, and its files under the names of others; looked up by what they have."""
    import duckdb

    published = folder / "published"
    latest = json.loads((published / "latest.json").read_text())
    _link_others(published, latest, n=KEPT - 1)
    sys.path.insert(0, str(CONSUME))
    one, _, read_latest = _load_tool("duckdb", str(published))
    now = read_latest(str(published))
    rng = random.Random(11)
    users = [f"u{rng.randrange(n_users):07d}" for _ in range(LOOKUPS // 4)]
    lookups = [_milliseconds(lambda user=user: one(now, user)) for user in users]
    connection = duckdb.connect()
    connection.execute("set parquet_metadata_cache = true")
    run = latest["publication"]
    patterns = {
        "one_run": f"read_parquet('{published}/recommendations/v1/*/*.parquet', hive_partitioning = true) where run = '{run}' and",
        "all_runs": f"read_parquet('{published}/recommendations/v1/*/*.parquet', hive_partitioning = true) where",
    }
    found = {
        name: statistics.median(
            _milliseconds(lambda user=user, source=source: connection.execute(
                f"select run, rank, title from {source} user_id = '{user}'"
            ).fetchall())
            for user in users
        )
        for name, source in patterns.items()
    }  # fmt: skip
    for number in range(KEPT - 1):
        shutil.rmtree(published / f"recommendations/v1/run=other{number}")
    return {"latest": statistics.median(lookups), "p95": _p95(lookups), **found}


def forget_files(folder: Path) -> None:
    """Ask the system to drop what it holds of the files in memory, so that the next read comes from the disk."""
    for path in folder.rglob("*.parquet"):
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def _link_others(published: Path, latest: dict[str, Any], *, n: int) -> None:
    here = published / f"recommendations/v1/run={latest['publication']}"
    for number in range(n):
        there = published / f"recommendations/v1/run=other{number}"
        shutil.rmtree(there, ignore_errors=True)
        there.mkdir()
        for path in here.glob("*.parquet"):
            os.link(path, there / path.name)


def _load_tool(tool: str, published: str) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    from latest import read_latest

    if tool == "duckdb":
        import duckdb_lookup

        connection = duckdb_lookup.connect(published)
        return (
            lambda latest, user: duckdb_lookup.look_up(connection, latest, user),
            lambda latest, user: duckdb_lookup.look_up_with_topics(connection, latest, user),
            read_latest,
        )
    name = "pyarrow_dataset" if tool == "pyarrow" else f"{tool}_lookup"
    module = __import__(name)
    return module.look_up, module.look_up_with_topics, read_latest


def _milliseconds(action: Callable[[], Any]) -> float:
    clock = time.perf_counter()
    found = action()
    seconds = time.perf_counter() - clock
    assert len(found) >= PER_USER, found
    return seconds * 1000


def _p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]
