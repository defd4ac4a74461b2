"""A large night against the bare calls: candidates, features, scores and Parquet for many users and items.

    python -m benchmarks.million_night [--users 1000000] [--items 1000000] [--small] [--folder DIR] [--output PAGE]

Makes a warehouse (benchmarks/million_data.py) with the catalog file of benchmarks/million_catalog.py, runs the stages
candidates, train, score and publish (with its gate), verifies, and then makes the bare calls on the same arrays: faiss's
search of the same queries in the same index, LightGBM's predict of as many rows by the same model, pyarrow's write of the
published rows. Every part is a process of its own, so that its peak memory is its own. A million by a million takes about
25 minutes on two cores and 25 GB of disk; --small (10,000 by 20,000) four minutes. --folder keeps what was made, and a part
that is done is not made again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.million_night_page import describe

SMALL = (10_000, 20_000)
PER_SOURCE, TOTAL = 100, 200
THREADS = 2
STAGES = ("candidates", "train", "score", "publish")


def make(folder: Path, *, n_users: int, n_items: int) -> dict[str, Any]:
    """The warehouse."""
    from benchmarks.million_catalog import AS_OF, RUN
    from benchmarks.million_data import CATALOG, fill
    from tasks.runs import start_run

    fill(folder, n_users=n_users, n_items=n_items)
    start_run(folder, RUN, as_of=AS_OF, catalogs=[CATALOG], code_version="benchmark")
    return {}


def run_stage(folder: Path, *, stage: str, n_items: int) -> dict[str, Any]:
    """A stage as the step does it; seconds, CPU seconds, rows and notes."""
    import importlib

    from benchmarks.million_catalog import make_context

    context = make_context(folder, _catalog(n_items), threads=THREADS)
    step = getattr(importlib.import_module(f"tasks.{stage}"), stage)
    clock, cpu = time.monotonic(), time.process_time()
    report = step.fn(context)
    seconds, cpu_seconds = time.monotonic() - clock, time.process_time() - cpu
    return {"seconds": seconds, "cpu": cpu_seconds, "rows": report.rows_out, "notes": list(report.notes)}


def verify(folder: Path) -> dict[str, Any]:
    """What `nightjar verify` does."""
    from warehouse.publication import verify_publication

    clock, cpu = time.monotonic(), time.process_time()
    verify_publication(folder / "published")
    return {"seconds": time.monotonic() - clock, "cpu": time.process_time() - cpu}


def search_bare(folder: Path, *, n_items: int) -> dict[str, Any]:
    """faiss alone: all users' queries in the index that the stage searched, and the index's recall of some of them."""
    from benchmarks.million_bare import search_all

    return search_all(folder, _catalog(n_items), threads=THREADS)


def predict_bare(folder: Path, *, n_items: int) -> dict[str, Any]:
    """LightGBM alone: as many rows as there are candidates, by the model that scored them."""
    from benchmarks.million_bare import predict_all

    return predict_all(folder, _catalog(n_items), threads=THREADS)


def write_bare(folder: Path) -> dict[str, Any]:
    """pyarrow alone: the published rows."""
    from benchmarks.million_bare import write_all

    return write_all(folder)


def _catalog(n_items: int) -> Any:
    from benchmarks.million_catalog import make_catalog

    # By default search is exact up to 100,000 items; smaller catalogs are to show the same work.
    return make_catalog(per_source=PER_SOURCE, total=TOTAL, exact_up_to=min(100_000, n_items // 2))


PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "make": make, "stage": run_stage, "verify": verify, "search": search_bare, "predict": predict_bare, "write": write_bare,
}  # fmt: skip


def run_part(folder: Path, part: str, **options: Any) -> dict[str, Any]:
    """A part in a process of its own: what it says, its seconds in all and its peak memory in MiB."""
    program = [sys.executable, "-m", "benchmarks.million_night", "--part", part, "--folder", str(folder)]
    clock = time.monotonic()
    child = subprocess.Popen([*program, "--options", json.dumps(options)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    said = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"part {part} {options} ended with {child.returncode}")
    result: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
    result |= {"all_seconds": time.monotonic() - clock, "peak_mib": usage.ru_maxrss / 1024, "load": os.getloadavg()[0]}
    print(part, options, json.dumps(result), flush=True)
    return result


def run_all(folder: Path, *, n_users: int, n_items: int, is_bare: bool = True) -> dict[str, dict[str, Any]]:
    """All parts in order; those whose results lie in the folder are not run again."""
    due: list[tuple[str, str, dict[str, Any]]] = [("make", "make", {"n_users": n_users, "n_items": n_items})]
    due += [(stage, "stage", {"stage": stage, "n_items": n_items}) for stage in STAGES]
    due += [("verify", "verify", {})]
    if is_bare:
        due += [(name, name, {"n_items": n_items}) for name in ("search", "predict")] + [("write", "write", {})]
    kept = folder / "results.json"
    results: dict[str, dict[str, Any]] = json.loads(kept.read_text()) if kept.exists() else {}
    for name, part, options in due:
        if name not in results:
            results[name] = run_part(folder, part, **options)
            kept.write_text(json.dumps(results))
    return results


@contextmanager
def work_folder(kept: Path | None) -> Iterator[Path]:
    """The folder that is kept, or one that is gone at the end."""
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
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results/million_night.md")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--options", type=json.loads, default={}, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        print(json.dumps(PARTS[asked.part](asked.folder, **asked.options), default=str))
        return
    n_users, n_items = SMALL if asked.small else (asked.users, asked.items)
    with work_folder(asked.folder) as folder:
        results = run_all(folder, n_users=n_users, n_items=n_items)
    asked.output.write_text(describe(results, n_users=n_users, n_items=n_items), encoding="utf-8")


if __name__ == "__main__":
    main()
