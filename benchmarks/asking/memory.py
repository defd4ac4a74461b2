"""How much memory: 500 rows, and a million that are streamed."""

from __future__ import annotations

from benchmarks.asking.harness import new_folder, run_night, serve
from benchmarks.asking.night import Plan
from benchmarks.asking.table import Line

MANY = 1_000_000


def measure_few() -> list[Line]:
    """500 rows, one a request."""
    with serve(latency_seconds=0.05) as server, new_folder() as folder:
        seen = run_night(Plan(folder, server.url, rows=500))
    return [Line("peak memory, 500 rows", "under 300 MiB", f"{seen.peak_mib:.0f} MiB", seen.peak_mib < 300)]


def measure_many(rows: int = MANY) -> list[Line]:
    """A million rows, twenty a request: the engine with its reply file, and the same with the labels landing in DuckDB."""
    return [_measure(rows, lands=False), _measure(rows, lands=True)]


def _measure(rows: int, *, lands: bool) -> Line:
    with serve() as server, new_folder() as folder:
        seen = run_night(Plan(folder, server.url, rows=rows, size=20, memory_every=rows // 10, lands=lands))
    trail = ", ".join(f"{mib:.0f}" for _, mib in seen.memory)
    line = f"peak {seen.peak_mib:.0f} MiB; after every tenth: {trail}; {seen.rows / seen.seconds:.0f} rows/s"
    is_flat = seen.memory[-1][1] <= 1.1 * seen.memory[1][1]
    what = "labels landing in DuckDB" if lands else "replies stored"
    return Line(
        f"memory, {rows:,} rows, 20 a request, {what}", "under 300 MiB, flat", line, is_flat and seen.peak_mib < 300
    )
