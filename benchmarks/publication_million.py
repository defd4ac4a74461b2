"""A million users with 20 recommendations each: published, verified and looked up, on one machine.

    python -m benchmarks.publication_million [--users 1000000] [--items 50000] [--folder DIR] [--output PAGE]

Makes a warehouse as it stands before `publish` (benchmarks/million_lists.py), publishes two nights through tasks/publish
with its gate (the second is compared with the first), verifies, and looks users up with the programs of examples/consume,
with one publication and with seven kept. Every part is a process of its own, so that its peak memory is its own. About
10 GB of disk and half an hour on two cores; --folder keeps what was made, and a part that is done is not made again.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.million_page import KEPT, LOOKUPS, PER_USER, TOOLS, describe

FIRST_DAY = date(2026, 11, 1)
CATALOG_FILE = Path(__file__).parent.parent / "examples/sample/books.toml"
CONSUME = Path(__file__).parent.parent / "examples/consume"


def make(folder: Path, *, n_users: int, n_items: int) -> dict[str, Any]:
    """The warehouse without lists."""
    from benchmarks.million_lists import fill_warehouse

    fill_warehouse(folder, n_users=n_users, n_items=n_items)
    return {}


def score(folder: Path, *, night: int, n_users: int, n_items: int) -> dict[str, Any]:
    """The lists of a night, as shards."""
    from benchmarks.million_lists import write_lists

    as_of = FIRST_DAY + timedelta(days=night - 1)
    n_bytes = write_lists(folder, f"r{night}", night=night, as_of=as_of, n_users=n_users, n_items=n_items)
    return {"mb": n_bytes / 1e6}


def publish(folder: Path, *, night: int) -> dict[str, Any]:
    """Publish a night through tasks/publish; seconds of the gate and of the re-reading apart."""
    import tasks.publish as step
    from tasks.contracts.catalog_file import load_catalog
    from tasks.contracts.context import StepContext

    # The package gives the function of that name; its module is wanted here.
    core = importlib.import_module("warehouse.publication.publish")
    spent: dict[str, float] = {}
    core.verify = _timed(core.verify, spent, "verify")  # type: ignore[attr-defined]
    real = step.publish_rows

    def publish_rows(*args: Any, **options: Any) -> Any:
        if options.get("check") is not None:
            options["check"] = _timed(options["check"], spent, "gate")
        return real(*args, **options)

    step.publish_rows = publish_rows  # type: ignore[attr-defined]
    as_of = FIRST_DAY + timedelta(days=night - 1)
    context = StepContext(f"r{night}", load_catalog(CATALOG_FILE), folder, as_of, keep_publications=KEPT)
    clock, cpu = time.monotonic(), time.process_time()
    report = step.publish.fn(context)
    seconds, cpu_seconds = time.monotonic() - clock, time.process_time() - cpu
    latest = json.loads((folder / "published/latest.json").read_text())
    manifest = json.loads((folder / "published" / latest["manifest"]).read_text())
    lists = manifest["tables"]["recommendations"]
    return {
        "seconds": seconds, "cpu": cpu_seconds, **spent, "rows": report.rows_out,
        "write": seconds - spent["verify"] - spent["gate"],
        "write_cpu": cpu_seconds - spent["verify_cpu"] - spent["gate_cpu"],
        "mb": lists["bytes"] / 1e6, "files": len(lists["files"]), "comparison": manifest.get("comparison"),
        "gates": [(gate["expectation"], gate["observed"]) for gate in manifest["gates"] if gate["suite"] == "publication"],
    }  # fmt: skip


def verify(folder: Path) -> dict[str, Any]:
    """What `nightjar verify` does."""
    from warehouse.publication import verify_publication

    clock, cpu = time.monotonic(), time.process_time()
    verify_publication(folder / "published")
    return {"seconds": time.monotonic() - clock, "cpu": time.process_time() - cpu}


def copy_bare(folder: Path) -> dict[str, Any]:
    """The same rows, sorted and written by DuckDB alone, with the same memory; nothing checked, one file."""
    import duckdb

    shards, target = folder / "runs/r2/library/recommendations", folder / "bare.parquet"
    with duckdb.connect(
        ":memory:", config={"memory_limit": "1024MB", "temp_directory": str(folder / "tmp")}
    ) as connection:
        clock, cpu = time.monotonic(), time.process_time()
        connection.execute(
            f"copy (select * from '{shards}/*.parquet' order by user_id, rank) to '{target}'"
            " (format parquet, compression zstd, row_group_size 10000)"
        )
        seconds, cpu_seconds = time.monotonic() - clock, time.process_time() - cpu
    n_bytes = target.stat().st_size
    target.unlink()
    return {"seconds": seconds, "cpu": cpu_seconds, "mb": n_bytes / 1e6}


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


def _timed(real: Callable[..., Any], spent: dict[str, float], name: str) -> Callable[..., Any]:
    def timed(*args: Any, **options: Any) -> Any:
        clock, cpu = time.monotonic(), time.process_time()
        try:
            return real(*args, **options)
        finally:
            spent[name] = spent.get(name, 0.0) + time.monotonic() - clock
            spent[f"{name}_cpu"] = spent.get(f"{name}_cpu", 0.0) + time.process_time() - cpu

    return timed


PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "make": make, "score": score, "publish": publish, "verify": verify, "copy": copy_bare, "look_up": look_up, "seven": keep_seven,
}  # fmt: skip


def run_part(folder: Path, part: str, **options: Any) -> dict[str, Any]:
    """A part in a process of its own: what it says, its seconds in all and its peak memory in MiB."""
    program = [sys.executable, "-m", "benchmarks.publication_million", "--part", part, "--folder", str(folder)]
    clock = time.monotonic()
    child = subprocess.Popen([*program, "--options", json.dumps(options)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    said = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"part {part} ended with {child.returncode}")
    result = json.loads(said.strip().splitlines()[-1])
    result |= {"all_seconds": time.monotonic() - clock, "peak_mib": usage.ru_maxrss / 1024, "load": os.getloadavg()[0]}
    print(part, options, json.dumps(result), flush=True)
    return result


def run_all(folder: Path, *, n_users: int, n_items: int) -> dict[str, dict[str, Any]]:
    """All parts in order; those whose results lie in the folder are not run again."""
    size = {"n_users": n_users, "n_items": n_items}
    due: list[tuple[str, str, dict[str, Any]]] = [
        ("make", "make", size),
        ("score 1", "score", {"night": 1, **size}), ("publish 1", "publish", {"night": 1}),
        ("score 2", "score", {"night": 2, **size}), ("publish 2", "publish", {"night": 2}),
        ("verify", "verify", {}), ("copy", "copy", {}),
        *((f"look up {tool}", "look_up", {"tool": tool, "n_users": n_users}) for tool in TOOLS),
        ("seven", "seven", {"n_users": n_users}),
    ]  # fmt: skip
    kept = folder / "results.json"
    results = json.loads(kept.read_text()) if kept.exists() else {}
    for name, part, options in due:
        if name not in results:
            results[name] = run_part(folder, part, **options)
            kept.write_text(json.dumps(results))
    return results


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def main() -> None:
    """Run the parts and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results/publication_million.md")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--options", type=json.loads, default={}, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        print(json.dumps(PARTS[asked.part](asked.folder, **asked.options), default=str))
        return
    with _folder(asked.folder) as folder:
        results = run_all(folder, n_users=asked.users, n_items=asked.items)
    asked.output.write_text(describe(results, n_users=asked.users, n_items=asked.items), encoding="utf-8")


if __name__ == "__main__":
    main()
