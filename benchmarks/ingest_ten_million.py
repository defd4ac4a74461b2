"""Ingest of interactions against DuckDB's own readers: `python -m benchmarks.ingest_ten_million [--rows N | --small]`.

Makes a catalog of generated interactions as CSV and as Parquet; ingests each into a warehouse of its
own, and beside it has DuckDB read the same file into a table of the same types (`create table as select`, then a
checkpoint), each step in a process of its own: wall time, CPU seconds and peak memory are that process's. A second night
over the same files and a third with one row more follow. Ten million rows: some 6 minutes and 3 GB of disk on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from tasks.contracts.catalog_file import load_catalog
from tasks.contracts.context import StepContext
from tasks.ingest import ingest
from tasks.runs import start_run

RESULT = Path(__file__).resolve().parent / "results" / "ingest_ten_million.md"
ROWS, SMALL_ROWS = 10_000_000, 300_000
MEMORY_MB = 4096
REPEATS = 3
TYPES = "user_id text, item_id text, event text, value double, occurred_at timestamp"
CATALOG = """
name = "shop"
user_space = "people"
licence = "CC0-1.0"
[[items]]
format = "parquet"
path = "items.parquet"
columns = {{ item_id = "item_id", title = "title" }}
{interactions}
[events]
click = 1.0
rate = 1.0
skip = 0.0
"""
INTERACTIONS = """
[[interactions]]
format = "{format}"
path = "interactions.{format}"
columns = {{ user_id = "user_id", item_id = "item_id", event = "event", value = "value", occurred_at = "occurred_at" }}
"""


@dataclass(frozen=True)
class Measured:
    """One step in a process of its own: seconds of wall and of CPU, peak resident memory in MB, what it printed last."""

    wall: float
    cpu: float
    peak_mb: float
    said: str


def main() -> None:
    """Generate, measure each step in a process of its own, write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--small", action="store_true", help=f"{SMALL_ROWS:,} rows")
    parser.add_argument(
        "--memory-mb", type=int, default=MEMORY_MB, help="DuckDB's limit for ingest and for the bare read"
    )
    parser.add_argument("--data", type=Path, help="folder for the generated files; a temporary one by default")
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        _run_step(*arguments.step)
        return
    n_rows = SMALL_ROWS if arguments.small else arguments.rows
    with tempfile.TemporaryDirectory(dir=arguments.data) as folder:
        report = _measure_all(Path(folder), n_rows, arguments.memory_mb)
    RESULT.write_text(report, encoding="utf-8")
    print(report)


def _measure_all(folder: Path, n_rows: int, memory_mb: int) -> str:
    generate(folder, n_rows)
    limit = str(memory_mb)
    rows = []
    for form in ("csv", "parquet"):
        bare, ours = [], []
        for repeat in range(REPEATS):
            warehouse = folder / f"{form}-{repeat}"
            items = _measure("ingest", str(warehouse), "items", limit, "r0")
            bare.append(_measure("bare", str(folder), form, limit))
            ours.append(_measure("ingest", str(warehouse), form, limit, "r1"))
            if repeat:
                shutil.rmtree(warehouse)
        rows.append((f"DuckDB, {form}", _best(bare), None))
        rows.append((f"ingest, {form}", _best(ours), _best(bare)))
        rows.append(("for comparison: the items, row by row, the night before", items, _best(bare)))
        again = _measure("ingest", str(folder / f"{form}-0"), form, limit, "r2")
        rows.append((f"ingest, {form}, the next night, nothing changed", again, _best(bare)))
        _add_row(folder, form, n_rows)
        more = _measure("ingest", str(folder / f"{form}-0"), form, limit, "r3")
        rows.append((f"ingest, {form}, the night after, one row more", more, _best(bare)))
    return _render(n_rows, memory_mb, rows)


def generate(folder: Path, n_rows: int) -> None:
    """Interactions of n/20 users with n/100 items: three events, half of them with a value; about 45 bytes a row as CSV."""
    n_users, n_items = max(n_rows // 20, 20), max(n_rows // 100, 20)
    with duckdb.connect() as connection:
        connection.execute("set preserve_insertion_order = false")
        connection.execute(
            f"copy (select printf('i%07d', i) as item_id, 'Item ' || i as title from range({n_items}) as t(i))"
            f" to '{folder}/items.parquet'"
        )
        rows = (
            f"select printf('u%07d', (hash(i) % {n_users})::bigint) as user_id,"
            f" printf('i%07d', (hash(i, 1) % {n_items})::bigint) as item_id,"
            " ['click', 'rate', 'skip', 'rate'][1 + (hash(i, 2) % 4)::int] as event,"
            " case when hash(i, 2) % 2 = 1 then (1 + hash(i, 3) % 10) / 2 end as value,"
            " timestamp '2025-01-01' + to_seconds((i * 3 + hash(i, 4) % 100000)::bigint) as occurred_at"
            f" from range({n_rows}) as t(i)"
        )
        connection.execute(f"copy ({rows}) to '{folder}/interactions.parquet'")
        written = "select * replace (strftime(occurred_at, '%Y-%m-%dT%H:%M:%S') as occurred_at)"
        connection.execute(
            f"copy ({written} from '{folder}/interactions.parquet') to '{folder}/interactions.csv' (header)"
        )
    for form in ("csv", "parquet", "items"):
        source = "" if form == "items" else INTERACTIONS.format(format=form)
        (folder / f"{form}.toml").write_text(CATALOG.format(interactions=source), encoding="utf-8")


def _add_row(folder: Path, form: str, n_rows: int) -> None:
    path = folder / f"interactions.{form}"
    if form == "csv":
        with path.open("a", encoding="utf-8") as file:
            file.write("u0000001,i0000001,click,,2027-01-01T00:00:00\n")
        return
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select * from '{path}' union all select 'u0000001', 'i0000001', 'click', null, timestamp '2027-01-01')"
            f" to '{path}.more' (format parquet)"
        )
    path.with_suffix(".parquet.more").replace(path)


def _measure(*step: str) -> Measured:
    """Run one step of this module in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.ingest_ten_million", "--step", *step]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return Measured(**found)


def _run_step(name: str, folder: str, form: str, memory_mb: str, run_id: str = "") -> None:
    context = None if name == "bare" else _context(Path(folder), form, int(memory_mb), run_id)
    started, cpu = time.perf_counter(), _cpu()
    said = _bare(Path(folder), form, int(memory_mb)) if context is None else _ingest(context)
    measured = {
        "wall": time.perf_counter() - started,
        "cpu": _cpu() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "said": said,
    }
    print(json.dumps(measured))


def _bare(folder: Path, form: str, memory_mb: int) -> str:
    path = folder / "bare.duckdb"
    path.unlink(missing_ok=True)
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in (column.split() for column in TYPES.split(", ")))
    read = f"read_csv('{folder}/interactions.csv', header = true, columns = {{{columns}}})"
    source = read if form == "csv" else f"read_parquet('{folder}/interactions.parquet')"
    with duckdb.connect(":memory:", config={"memory_limit": f"{memory_mb}MB"}) as connection:
        connection.execute(f"attach '{path}' as bare; use bare")
        connection.execute(
            f"create table interactions as select user_id, item_id, event, value::double as value, occurred_at from {source}"
        )
        connection.execute("checkpoint")
    size = path.stat().st_size / 1e6
    path.unlink()
    return f"{size:.0f} MB"


def _context(folder: Path, form: str, memory_mb: int, run_id: str) -> StepContext:
    catalog = load_catalog(folder.parent / f"{form}.toml", {})
    start_run(folder, run_id, as_of=date(2026, 11, 1), catalogs=[catalog.name], code_version="benchmark")
    return StepContext(
        run_id=run_id, folder=folder, catalog=catalog, catalog_file=f"{form}.toml", as_of=date(2026, 11, 1),
        memory_limit_mb=memory_mb,
    )  # fmt: skip


def _ingest(context: StepContext) -> str:
    return "; ".join(
        note for note in ingest.fn(context).notes if not note.startswith(("users", "items: 0 in", "items: not"))
    )


def _cpu() -> float:
    used = os.times()
    return used.user + used.system


def _best(measured: list[Measured]) -> Measured:
    """The run with the least wall time: the others waited for something."""
    return min(measured, key=lambda one: one.wall)


def _render(n_rows: int, memory_mb: int, rows: list[tuple[str, Measured, Measured | None]]) -> str:
    n_items, n_users = max(n_rows // 100, 20), max(n_rows // 20, 20)
    lines = [
        f"# Ingest of {n_rows:,} interactions against DuckDB's own readers",
        "",
        f"`python -m benchmarks.ingest_ten_million --rows {n_rows}` on {datetime.now(UTC):%Y-%m-%d}; {os.cpu_count()} cores, Python"
        f" {platform.python_version()}, DuckDB {duckdb.__version__}; DuckDB's memory limit {memory_mb:,} MB in both; the best of"
        f" {REPEATS} runs each, in turns. `ingest` includes opening the warehouse, checking each row against {n_items:,} items"
        f" that were ingested the night before and against each other, and storing {n_users:,} users who are"
        " known by what they did. Aimed at: 1.5 times DuckDB's time or less.",
        "",
        "| step | wall, s | CPU, s | peak memory, MB | wall against DuckDB | CPU against DuckDB | outcome |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one, bare in rows:
        ratios = f"{one.wall / bare.wall:.2f} | {one.cpu / bare.cpu:.2f}" if bare else "1 | 1"
        lines.append(f"| {name} | {one.wall:.2f} | {one.cpu:.2f} | {one.peak_mb:,.0f} | {ratios} | {one.said} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
