"""The results page of benchmarks/publication_million.py. Pure."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

LOOKUPS = 200
PER_USER = 20
KEPT = 7
TOOLS = ("duckdb", "polars", "pyarrow", "pandas")


def describe(results: dict[str, dict[str, Any]], *, n_users: int, n_items: int) -> str:
    """The page."""
    second, bare = results["publish 2"], results["copy"]
    lines = [
        "# A million users, published and looked up\n",
        f"`python -m benchmarks.publication_million`. {n_users:,} users, {PER_USER} recommendations each,"
        f" {second['rows']:,} rows in all, {n_items:,} items, {3 * n_users:,} interactions in the warehouse. {_machine()}\n",
        _describe_load([one["load"] for one in results.values()]),
        "## Publishing\n",
        "| part | seconds | CPU seconds | peak memory, MiB | MB on disk |",
        "|---|---|---|---|---|",
        _row("`publish`, the second night", second, mb=True),
        _row("… sorting and writing", second, "write"),
        _row("… reading it all again: sums, nulls, ranges, keys, ranks", second, "verify"),
        _row("… the gate: items, seen items, coverage, overlap with the first night", second, "gate"),
        _row("`nightjar verify`", results["verify"]),
        _row("DuckDB alone: `copy (select … order by …)`, nothing checked", bare, mb=True),
        "",
        f"In CPU seconds, sorting and writing takes {second['write_cpu'] / bare['cpu']:.1f} times what DuckDB takes for the"
        f" bare copy, all of the second night {second['cpu'] / bare['cpu']:.1f} times; the files have"
        f" {second['mb'] / bare['mb']:.2f} times its bytes. {second['files']} files of recommendations."
        f" {_describe_gate(second)}\n",
        "## Looking one user up, milliseconds\n",
        "| tool | import | first, from disk | median | p95 | CPU | with `latest.json` read each time | with topics"
        " | without first and last |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for tool in TOOLS:
        one = results[f"look up {tool}"]
        cells = (one[name] for name in ("import_ms", "cold", "median", "p95", "cpu", "fresh", "topics", "all_files"))
        lines.append(f"| {tool} | {' | '.join(f'{cell:.1f}' for cell in cells)} |")
    seven = results["seven"]
    lines += [
        "",
        f"With {KEPT} publications of this size beside each other, DuckDB: {seven['latest']:.1f} ms (p95"
        f" {seven['p95']:.1f}) by the manifest; {seven['one_run']:.1f} ms by a pattern over all runs with `run = …`;"
        f" {seven['all_runs']:.1f} ms for the user's lists of all {KEPT} runs at once.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n" + NOTES


def _row(name: str, of: dict[str, Any], part: str = "", *, mb: bool = False) -> str:
    wall, cpu = (of[part], of[f"{part}_cpu"]) if part else (of["seconds"], of["cpu"])
    peak = "" if part else f"{of['peak_mib']:.0f}"
    return f"| {name} | {wall:.0f} | {cpu:.0f} | {peak} | {of['mb'] if mb else '':{'.0f' if mb else ''}} |"


NOTES = """
*First, from disk*: a process that has just imported its library, and files that the system holds nothing of; it reads
`latest.json`, the manifest, and then the one file that holds the user. Then {lookups} users at random, one after the other,
in the same process. *Without first and last* opens the footers of all files of the table.
""".replace("{lookups}", str(LOOKUPS))


def _describe_gate(second: dict[str, Any]) -> str:
    told = "; ".join(f"{name}: {observed}" for name, observed in second["gates"] if "no " not in observed)
    return f"The gate saw: {told}." if told else "No gate ran."


def _describe_load(loads: list[float]) -> str:
    busy, cores = max(loads), os.cpu_count() or 1
    if busy <= cores * 1.5:
        return "Nothing else ran on the machine.\n"
    return (
        f"**The machine was busy with other work**: a load of {min(loads):.0f} to {busy:.0f} on {cores} cores."
        " Seconds and milliseconds are those of such a day; CPU is what a quiet one comes down to.\n"
    )


def _machine() -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in TOOLS)
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}."
