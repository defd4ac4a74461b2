"""Every gate over ten million rows: `python -m benchmarks.gates_ten_million [--rows N | --small]`.

Fills a warehouse with N interactions, N/20 users, N/10 items with a topic label each, and N recommendations in shards of
50,000 users; then evaluates each suite in a process of its own: wall, CPU and peak memory are that process's, DuckDB's limit
is stated. Every audit is an aggregate over all rows in DuckDB, the features' one shard after the other: nothing is sampled.
Beside each suite stands what must be read at least: one `count(*)` with a sum over the same rows. Ten million rows: some
5 minutes and 4 GB of disk on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from tasks.contracts.catalog import GatesConfig
from tasks.gates import audits_of, build_suite, run_suite
from tasks.gates.features import summarize_features
from tasks.gates.publication_suite import COMPARISON
from tasks.gating.publication import SCHEMA
from tasks.runs import start_run
from warehouse.connection import Warehouse, open_warehouse

RESULT = Path(__file__).resolve().parent / "results" / "gates_ten_million.md"
ROWS, SMALL_ROWS = 10_000_000, 200_000
MEMORY_MB = 4096
LIST_ITEMS = 20
SHARD_USERS = 50_000
CATALOG, SPACE, RUN = "shop", "people", "r1"
TOPICS = tuple(f"topic{number:02d}" for number in range(20))
SUITES = ("ingest", "labels", "features", "recommendations", "publication")
END = datetime(2026, 11, 2)


def main() -> None:
    """Fill, evaluate each suite in a process of its own, write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--small", action="store_true", help=f"{SMALL_ROWS:,} rows")
    parser.add_argument("--memory-mb", type=int, default=MEMORY_MB, help="DuckDB's limit")
    parser.add_argument("--data", type=Path, help="folder for what is generated; a temporary one by default")
    parser.add_argument("--suite", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.suite:
        suite, folder, memory_mb = arguments.suite
        print(json.dumps(measure_suite(suite, Path(folder), int(memory_mb))))
        return
    n_rows = SMALL_ROWS if arguments.small else arguments.rows
    with tempfile.TemporaryDirectory(dir=arguments.data) as name:
        folder = Path(name)
        fill(folder, n_rows)
        found = [_in_own_process(suite, folder, arguments.memory_mb) for suite in SUITES]
    report = _render(n_rows, arguments.memory_mb, found)
    RESULT.write_text(report, encoding="utf-8")
    print(report)


def fill(folder: Path, n_rows: int) -> None:
    """A warehouse and shards whose rows pass every gate."""
    n_users, n_items = max(n_rows // LIST_ITEMS, 40), max(n_rows // 10, 40)
    start_run(folder, RUN, as_of=date(2026, 11, 1), catalogs=[CATALOG], code_version="benchmark")
    with open_warehouse(folder, memory_limit_mb=MEMORY_MB) as warehouse:
        for statement in _statements(n_rows, n_users, n_items):
            warehouse.connection.execute(statement)
        for number, first in enumerate(range(0, n_users, SHARD_USERS)):
            last = min(first + SHARD_USERS, n_users)
            for kind, query in (("lists", _lists(first, last, n_items)), ("features", _features(first, last, n_items))):
                warehouse.connection.execute(f"copy ({query}) to '{folder}/{kind}-{number:04d}.parquet'")


def _statements(n_rows: int, n_users: int, n_items: int) -> list[str]:
    now = "timestamp '2026-11-01'"
    return [
        f"insert into catalogs values ('{CATALOG}', '{SPACE}', '', '', '', '', '{{}}', '{RUN}')",
        f"insert into catalog_events by name select '{CATALOG}' as catalog, 0 as position, 'rate' as event, 1.0 as weight,"
        " true as is_seen",
        f"insert into items by name select '{CATALOG}' as catalog, printf('i%07d', i) as item_id, 'Item ' || i as title,"
        " '' as text, '' as author, '' as url, '' as category, '' as language, '{}' as attributes, sha256(i::text)[1:32] as"
        f" content_hash, true as is_active, {now} as first_seen_at, {now} as changed_at, '{RUN}' as last_seen_run"
        f" from range({n_items}) as t(i)",
        f"insert into users by name select '{SPACE}' as user_space, printf('u%07d', i) as user_id, '' as name, '' as job,"
        " []::text[] as skills, []::text[] as hobbies, []::text[] as interests, '' as summary, '{}' as attributes,"
        f" sha256(i::text)[1:32] as profile_hash, '{CATALOG}' as source_catalog, 'interactions' as origin, true as is_active,"
        f" {now} as first_seen_at, {now} as changed_at, '{RUN}' as last_seen_run from range({n_users}) as t(i)",
        # Even items are met, odd ones recommended.
        f"insert into interactions by name select '{CATALOG}' as catalog, printf('u%07d', i % {n_users}) as user_id,"
        f" printf('i%07d', (hash(i) % {n_items // 2})::bigint * 2) as item_id, 'rate' as event, 1.0 as value,"
        f" {now} - to_minutes((i % 400000)::bigint) as occurred_at, {now} as first_seen_at from range({n_rows}) as t(i)",
        "insert into ingest_counts values"
        f" ('{RUN}', '{CATALOG}', 'interactions', {n_rows}, {n_rows}, 0, 0, {n_rows}, 0, 0),"
        f" ('{RUN}', '{CATALOG}', 'items', {n_items}, {n_items}, 0, 0, {n_items}, 0, 0)",
        "insert into active_fingerprints by name"
        f" select '{CATALOG}' as catalog, 'topics' as task, 'f' as fingerprint, 'embedded' as labeler, '' as prompt_hash,"
        f" '{RUN}' as run_id, {now} as set_at",
        "insert into topic_labels by name select content_hash, 'f' as fingerprint, 'embedded' as labeler,"
        f" 'topic' || printf('%02d', (hash(item_id) % {len(TOPICS)})::bigint) as primary_topic, [] as topics,"
        f" 0.5 as confidence, '' as reason, 0 as requests, 0 as tokens_in, 0 as tokens_out, 0 as cost_usd,"
        f" {now} as created_at, '{RUN}' as run_id from items",
    ]


def _lists(first: int, last: int, n_items: int) -> str:
    return (
        f"select '{CATALOG}' as catalog, '{SPACE}' as user_space, printf('u%07d', u) as user_id, rank::int as rank,"
        f" printf('i%07d', ((u * 7 + rank * 2) % {n_items // 2}) * 2 + 1) as item_id, 'Title of it' as title,"
        " 1.0 / rank as score, 1.0 / rank as propensity, 'You read much of this' as reason, 'embedded' as reason_source,"
        " 'near to what you read' as reason_content, 'many read it' as reason_popularity, null::text as reason_diversity,"
        " null::text as reason_time, ['content'] as sources, 'topic01' as primary_topic, null::text as group_id,"
        f" '{RUN}' as run_id, date '2026-11-01' as as_of"
        f" from range({first}, {last}) as users(u), range(1, {LIST_ITEMS + 1}) as ranks(rank) order by user_id, rank"
    )


def _features(first: int, last: int, n_items: int) -> str:
    columns = ", ".join(f"random()::float as feature{number:02d}" for number in range(20))
    return (
        f"select printf('u%07d', u) as user_id, printf('i%07d', ((u * 7 + rank * 2) % {n_items // 2}) * 2 + 1) as item_id,"
        f" {columns} from range({first}, {last}) as users(u), range(1, {LIST_ITEMS + 1}) as ranks(rank)"
    )


def measure_suite(suite: str, folder: Path, memory_mb: int) -> dict[str, Any]:
    """Evaluate one suite; seconds of wall and CPU, the slowest audits, peak memory, what failed, and a bare read's seconds."""
    # The first suite pays the import of Great Expectations, which is once a night and no matter of rows.
    run_suite(
        "permutation", {"permutation": pl.DataFrame({"lead_low": [0.0]})}, build_suite("permutation", GatesConfig())
    )
    files = sorted(str(path) for path in folder.glob("lists-*.parquet"))
    with open_warehouse(folder, memory_limit_mb=memory_mb) as warehouse:
        bare = _bare_read(warehouse, suite, files, folder)
        started, cpu = time.perf_counter(), _cpu()
        frames, seconds = _read_frames(suite, warehouse, files, folder)
        results = run_suite(suite, frames, build_suite(suite, GatesConfig(), topics=TOPICS, top_n=LIST_ITEMS))
        wall, used = time.perf_counter() - started, _cpu() - cpu
    slowest = sorted(seconds.items(), key=lambda pair: -pair[1])[:3]
    return {
        "suite": suite, "n_expectations": len(results), "wall": wall, "cpu": used, "bare": bare,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "slowest": ", ".join(f"{name} {taken:.1f}" for name, taken in slowest),
        "failed": [one.expectation for one in results if not one.is_success],
    }  # fmt: skip


def _read_frames(
    suite: str, warehouse: Warehouse, files: list[str], folder: Path
) -> tuple[dict[str, pl.DataFrame], dict[str, float]]:
    """What the suite's expectations look at, and the seconds that each took."""
    if suite == "features":
        started = time.perf_counter()
        shards = (pl.read_parquet(path) for path in sorted(folder.glob("features-*.parquet")))
        frames = summarize_features(shards, {f"feature{number:02d}": (0.0, 1.0) for number in range(20)})
        return frames, {"summarize_features": time.perf_counter() - started}
    values: Mapping[str, Any] = {
        "catalog": CATALOG, "run_id": RUN, "topics": list(TOPICS), "as_of_end": END, "files": files, "files_before": files,
    }  # fmt: skip
    expectations = build_suite(suite, GatesConfig(), topics=TOPICS, top_n=LIST_ITEMS)
    frames, seconds = {}, {}
    audits = {**audits_of(expectations)}
    if suite == "publication":
        audits["published_losses"] = ("catalog", "files", "files_before")
        audits["published_overlap"] = ("catalog", "files", "files_before", "as_of_end")
        frames[COMPARISON] = pl.DataFrame([{}], schema=SCHEMA)
    for audit, names in audits.items():
        started = time.perf_counter()
        frames[audit] = warehouse.query(f"audits/{audit}", **{name: values[name] for name in names})
        seconds[audit] = time.perf_counter() - started
    return frames, seconds


def _bare_read(warehouse: Warehouse, suite: str, files: list[str], folder: Path) -> float:
    """Seconds of one aggregate over the rows that the suite is about."""
    started = time.perf_counter()
    query = {
        "ingest": "select count(*), max(user_id), max(item_id) from interactions",
        "labels": "select count(*), max(content_hash), max(primary_topic) from topic_labels",
        "features": f"select count(*), max(user_id), max(feature00) from read_parquet('{folder}/features-*.parquet')",
    }.get(suite, f"select count(*), max(user_id), max(item_id), max(score) from read_parquet({files})")
    warehouse.connection.execute(query).fetchall()
    return time.perf_counter() - started


def _in_own_process(suite: str, folder: Path, memory_mb: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.gates_ten_million", "--suite", suite, str(folder), str(memory_mb)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _cpu() -> float:
    used = os.times()
    return used.user + used.system


def _render(n_rows: int, memory_mb: int, found: list[dict[str, Any]]) -> str:
    n_users, n_items = n_rows // LIST_ITEMS, n_rows // 10
    lines = [
        f"# Gates over {n_rows:,} rows",
        "",
        f"`python -m benchmarks.gates_ten_million --rows {n_rows}` on {datetime.now(UTC):%Y-%m-%d}; {os.cpu_count()} cores, Python"
        f" {platform.python_version()}, DuckDB {duckdb.__version__}, its memory limit {memory_mb:,} MB. {n_rows:,} interactions,"
        f" {n_rows:,} recommendations, {n_rows:,} rows of 20 features, {n_users:,} users, {n_items:,} items with a topic label.",
        "",
        "Each audit is an aggregate over all rows, pushed down to DuckDB, which hands Great Expectations one row or at most a"
        " hundred bad ones with their true number; the features are summed shard by shard. Nothing is sampled: the error is 0.",
        "",
        "| suite | expectations | wall, s | CPU, s | peak memory, MB | one bare aggregate, s | slowest audits, s | failed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        failed = ", ".join(one["failed"]) or "none"
        lines.append(
            f"| {one['suite']} | {one['n_expectations']} | {one['wall']:.1f} | {one['cpu']:.1f} | {one['peak_mb']:,.0f} |"
            f" {one['bare']:.1f} | {one['slowest']} | {failed} |"
        )
    wall, cpu = (sum(one[key] for one in found) for key in ("wall", "cpu"))
    lines += ["", f"Together {wall:.1f} s of wall, {cpu:.1f} s of CPU."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
