"""The results page of benchmarks/million_night.py. Pure."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

from benchmarks.million_catalog import MEMORY_LIMIT_MB, SHARD_USERS

PARTS = ("candidates", "score", "publish", "verify")
BARE = ("search", "predict", "write")
WATCHED = ("candidates", "train", "score", "publish", "verify")
GOAL, MEMORY_GIB, RECALL = 1.5, 16.0, 0.95


def describe(results: dict[str, dict[str, Any]], *, n_users: int, n_items: int) -> str:
    """The page."""
    ours, bare = _sum(results, PARTS), _sum(results, BARE)
    search, predict = results["search"], results["predict"]
    peak = max(results[name]["peak_mib"] for name in WATCHED) / 1024
    lines = [
        "# A large night against the bare calls\n",
        f"`python -m benchmarks.million_night`. {n_users:,} users, {n_items:,} items with clustered vectors of 384 numbers,"
        f" {20 * n_users:,} interactions, {results['candidates']['rows']:,} candidates,"
        f" {results['publish']['rows']:,} rows published. {_machine()}\n",
        _load(results),
        "## Configuration\n",
        "The catalog names its sources and leaves all else as it is by default: `dense_history` (what the user chose, up to"
        " four interests), `popularity`, `recent_popularity`, `new_arrivals`; 100 items a source, 200 a user, top 20, all"
        f" features, a model of {predict['trees']} trees trained in the same run. Words (`bm25`) and co-choice (`item_to_item`,"
        " `collaborative`) are left out: with a million items they cost a user what their postings cost, not what faiss"
        f" costs. Users have no profile. Of the settings, shard_users is {SHARD_USERS:,} (2,000 by default; 4,000 took 5 to 10%"
        f" more CPU seconds for candidates) and memory_limit_mb {MEMORY_LIMIT_MB:,}; two threads.\n",
        "## Against the bare calls\n",
        "| | seconds | CPU seconds |\n|---|---|---|",
        *(f"| {name} | {results[name]['seconds']:,.1f} | {results[name]['cpu']:,.1f} |" for name in PARTS),
        f"| **the stages** | **{ours[0]:,.1f}** | **{ours[1]:,.1f}** |",
        *(f"| bare {name} | {results[name]['seconds']:,.1f} | {results[name]['cpu']:,.1f} |" for name in BARE),
        f"| **the bare calls** | **{bare[0]:,.1f}** | **{bare[1]:,.1f}** |",
        f"| **ratio** (goal {GOAL}) | **{ours[0] / bare[0]:.2f}** | **{ours[1] / bare[1]:.2f}** |\n",
        f"faiss searched {search['searched']:,} of {search['queries']:,} queries to depth {search['depth']} in"
        f" {search['probed_share']:.2%} of the cells; LightGBM predicted {predict['predicted']:,} of {predict['rows']:,} rows of"
        f" {predict['features']} features, the median of {len(predict['rounds'])} rounds that come to {min(predict['rounds'])} to"
        f" {max(predict['rounds'])} s; both times are multiplied up to all. faiss's index has the cells of the stage, with"
        " 8 bits a number, and compares a query with all centres; the stage itself looks for a query's cells in groups of them,"
        " searches them by products of whole vectors, and scores by LightGBM's trees compiled, which give the same scores to the"
        " last bit. The stages' time holds more than the bare"
        " calls do: reading the warehouse, building the index, candidates of the users from whom the model is trained, gates."
        f" Training itself ({results['train']['seconds']:,.1f} s, {results['train']['cpu']:,.1f} CPU seconds) is in no sum.\n",
        "Recall of the index at 100 against exact search, of users' own queries:"
        f" **{search['recall']:.3f}** (goal {RECALL}); as the stage tells it: {search['told_recall']:.3f}.\n",
        "## Memory\n",
        "| part | peak GiB |\n|---|---|",
        *(f"| {name} | {results[name]['peak_mib'] / 1024:.2f} |" for name in WATCHED),
        f"\nThe highest is {peak:.2f} GiB (goal {MEMORY_GIB:.0f}); DuckDB is limited to 4 GiB of it.\n",
        _shortfalls(ours, bare, peak, search["recall"]),
        "What was changed to get here, with figures before and after: [million_changes.md](million_changes.md).\n",
    ]  # fmt: skip
    return "\n".join(lines)


def _sum(results: dict[str, dict[str, Any]], names: tuple[str, ...]) -> tuple[float, float]:
    return sum(results[name]["seconds"] for name in names), sum(results[name]["cpu"] for name in names)


def _shortfalls(ours: tuple[float, float], bare: tuple[float, float], peak: float, recall: float) -> str:
    short = []
    if ours[0] > GOAL * bare[0]:
        short.append(f"the night takes {ours[0] / bare[0]:.2f} times the bare calls, not {GOAL}")
    if peak > MEMORY_GIB:
        short.append(f"it takes {peak:.1f} GiB, not {MEMORY_GIB:.0f}")
    if recall < RECALL:
        short.append(f"the index finds {recall:.3f}, not {RECALL}")
    return f"What falls short: {'; '.join(short) or 'nothing of the three goals'}.\n"


def _machine() -> str:
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("duckdb", "faiss-cpu", "lightgbm", "polars", "numpy", "numba")
    )
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, {packages}."


def _load(results: dict[str, dict[str, Any]]) -> str:
    loads = [one["load"] for one in results.values()]
    return (
        f"Load of the machine while it ran: {min(loads):.1f} to {max(loads):.1f}. Wall-clock seconds are of use only where it"
        f" stayed near {os.cpu_count()}; CPU seconds hold in either case.\n"
    )
