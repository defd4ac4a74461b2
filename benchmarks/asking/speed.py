"""How fast: latency, defaults, an instant server, slow replies, a server that takes eight, a limit a minute."""

from __future__ import annotations

from benchmarks.asking.harness import new_folder, run_night, serve
from benchmarks.asking.night import Plan, Seen
from benchmarks.asking.table import Line

ROWS, DISTINCT = 2000, 1920
BEST = {"max_in_flight": 32}


def _night(
    endpoint: dict[str, object], *, rows: int = ROWS, distinct: int | None = DISTINCT, **faults: object
) -> tuple[Seen, dict]:  # type: ignore[type-arg]
    with serve(**faults) as server, new_folder() as folder:
        seen = run_night(Plan(folder, server.url, rows=rows, distinct=distinct, endpoint=endpoint))
        return seen, server.stats()


def _rate(seen: Seen) -> float:
    return seen.rows / seen.seconds


def measure_latency() -> list[Line]:
    """200 ms a reply."""
    seen, _ = _night(BEST, latency_seconds=0.2)
    line = f"{_rate(seen):.0f} rows/s (at most {ROWS / (DISTINCT * 0.2 / 32):.0f} are possible)"
    return [Line("200 ms a reply, at most 32 in flight", "150 rows/s", line, _rate(seen) >= 150)]


def measure_defaults() -> list[Line]:
    """The same without any setting."""
    seen, stats = _night({}, latency_seconds=0.2)
    line = f"{_rate(seen):.0f} rows/s; {seen.rows_in_5s / 5:.0f} in the first 5 s; up to {stats['highest_in_flight']} in flight"
    return [Line("200 ms a reply, nothing set", "140 rows/s within 5 s", line, seen.rows_in_5s / 5 >= 140)]


def measure_instant() -> list[Line]:
    """Replies at once."""
    seen, stats = _night({"max_in_flight": 64}, latency_seconds=0.0)
    line = f"{_rate(seen):.0f} rows/s, labels landed; up to {stats['highest_in_flight']} at once at the server"
    return [
        Line(
            "replies at once, at most 64 in flight, server on the same 2 cores", "500 rows/s", line, _rate(seen) >= 500
        )
    ]


def measure_slow() -> list[Line]:
    """Some replies take 3 s."""
    lines = []
    for name, endpoint in (("at most 32 in flight", BEST), ("nothing set", {})):
        seen, _ = _night(endpoint, latency_seconds=0.2, slow_share=0.02, slow_seconds=3.0)
        possible = (
            f" (at most {ROWS / (DISTINCT * (0.98 * 0.2 + 0.02 * 3) / 32):.0f} are possible with 32)"
            if endpoint
            else ""
        )
        lines.append(
            Line(
                f"2 % of replies take 3 s, {name}",
                "143 rows/s",
                f"{_rate(seen):.0f} rows/s{possible}",
                _rate(seen) >= 143,
            )
        )
    return lines


def measure_crowd() -> list[Line]:
    """A server that takes 8 at once: 500 rows of 100 ms, ideal 6.3 s."""
    lines = []
    for name, faults in (("", {}), (", with `retry-after: 1`", {"busy_retry_after_seconds": 1.0})):
        seen, stats = _night({}, rows=500, distinct=None, latency_seconds=0.1, max_concurrent=8, **faults)
        refused = stats["n_by_status"].get("429", 0)
        line = f"{seen.seconds:.1f} s, {refused} refused, {500 - seen.labels} lost"
        lines.append(
            Line(f"server takes 8 at once and refuses the rest{name}", "under 9 s, fewer than 40 refused", line,
                 seen.seconds < 9 and refused < 40 and seen.labels == 500)
        )  # fmt: skip
    return lines


def measure_limit() -> list[Line]:
    """300 requests a minute, in a sliding minute; 500 rows take 60 s at least."""
    lines = []
    settings = (
        ("limit in headers", {}, True),
        ("limit configured", {"requests_per_minute": 300}, False),
        ("only `retry-after`", {}, False),
    )
    for name, endpoint, has_headers in settings:
        seen, stats = _night(
            endpoint,
            rows=500,
            distinct=None,
            latency_seconds=0.2,
            requests_per_minute=300,
            sends_limit_headers=has_headers,
        )
        refused = stats["n_by_status"].get("429", 0)
        line = f"{500 - seen.labels} lost, {refused} refused, {seen.seconds:.1f} s"
        lines.append(
            Line(f"300 requests a minute, true `retry-after`, {name}", "none lost, fewer than 10 refused, 63 s or less", line,
                 seen.labels == 500 and refused < 10 and seen.seconds <= 63)
        )  # fmt: skip
    return lines
