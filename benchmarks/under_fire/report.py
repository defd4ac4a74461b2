"""The page of benchmarks/results/nights_under_fire.md."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any


def write_result(found: dict[str, Any]) -> str:
    """Markdown of what was seen."""
    kills, readers = found["kills"], found["readers"]
    reads, torn = (sum(one[name] for one in readers) for name in ("reads", "torn"))
    publications = {name for one in readers for name in one["publications"]}
    how = "`nightjar run` processes" if found["by_command"] else "`nightjar serve` with a Prefect server of its own"
    parts = " --by-command" if found["by_command"] else ""
    each = ", ".join(_count(one) for one in readers)
    on_their_way = found["asked_again"] - found["paid_twice"]
    lines = [
        "# Nights under fire",
        "",
        f"`python -m benchmarks.nights_under_fire{parts}`: {how}, an LLM on loopback, two readers. {os.cpu_count()} cores,"
        f" Python {platform.python_version()}, prefect {version('prefect')}, duckdb {version('duckdb')}.",
        "",
        "Three nights over the sample's news: a part of it, all of it with changed texts, and less of it. In each stage in turn the"
        " process of a night gets SIGKILL at a random moment; the next scheduled run must complete and leave nothing half written."
        " The readers read latest.json, the manifest and every file in a loop, hold them to checksums and rows, and every"
        " user's list to its ranks; the second one waits 1.5 s between manifest and files. A run is ordered as the scheduler"
        " orders it: as a scheduled run of the deployment.",
        "",
        "| what | wanted | seen |",
        "|---|---|---|",
        f"| kills | each of the 16 stages | {len(kills)}: {_by_whom(kills)} |",
        f"| next run completed | every time | {len(kills)} of {len(kills)} |",
        f"| complete reads of all that `latest` names | thousands | {reads:,} ({each}) of {len(publications)} publications |",
        f"| torn reads | 0 | {torn} |",
        f"| left half written after the next run | nothing | {sum(len(kill.left) for kill in kills) or 'nothing'} |",
        f"| answers asked for again, on their way at a kill | few | {on_their_way} of {found['n_questions']:,} questions |",
        f"| answers paid for twice | 0 | {found['paid_twice']} |",
        f"| runs by status, in the warehouse | | {_pairs(found['statuses'])} |",
        f"| runs by state, in Prefect | | {_pairs(found['states']) or 'no Prefect'} |",
        f"| seconds in all | | {found['seconds']:.0f} |",
        "",
        "| night | killed | in stage | seconds into it | seconds from the kill to the next complete publication |",
        "|---|---|---|---|---|",
        *(
            f"| {kill.edition} | {kill.whom} | {kill.stage} | {kill.after_s:.2f} | {kill.seconds:.0f} |"
            for kill in kills
        ),
        "",
    ]
    if found["problem"]:
        lines += [f"**It ended before its end**: {found['problem']}", ""]
    faults = [fault for one in readers for fault in one["faults"]]
    if faults:
        lines += ["Torn reads:", "", *(f"- `{fault}`" for fault in faults[:20]), ""]
    return "\n".join(lines)


def _by_whom(kills: list[Any]) -> str:
    names = {"night": "process of a night", "serve": "`nightjar serve`", "server": "the Prefect server"}
    return ", ".join(
        f"{sum(kill.whom == whom for kill in kills)} × {name}"
        for whom, name in names.items()
        if any(kill.whom == whom for kill in kills)
    )


def _count(reader: dict[str, Any]) -> str:
    return f"{reader['reads']:,} reads of {reader['bytes'] / 1e9:.1f} GB"


def _pairs(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
