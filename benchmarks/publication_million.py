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
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.million_lookups import keep_seven, look_up
from benchmarks.million_page import KEPT, TOOLS, describe

FIRST_DAY = date(2026, 11, 1)
CATALOG_FILE = Path(__file__).parent.parent / "examples/sample/books.toml"


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
