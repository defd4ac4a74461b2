"""The page of the long form: benchmarks/results/chaos.md, from the tries that were noted."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb
import polars as pl

HEAD = """\
# Chaos, the long form

`python -m tests.chaos.long_form --seed {seed}`, {day}; {cores} cores, Python {python}, DuckDB {duckdb}, Polars {polars}.

Each try starts from the same warehouse of yesterday and tonight's changed catalog, meets its fault, and runs the same command
again. Nothing is lost where every table and every published row then equals that of a night nobody disturbed; ids of runs
and times aside. {n} tries, {n_lost} of which lost or falsified something; {seconds:.0f} s.
"""


def write_report(tries: Sequence[Mapping[str, Any]], *, seed: int) -> str:
    """The page as Markdown."""
    lost = [one for one in tries if one["lost"]]
    parts = [
        HEAD.format(
            seed=seed, day=f"{datetime.now(UTC):%Y-%m-%d}", cores=os.cpu_count(), python=platform.python_version(),
            duckdb=duckdb.__version__, polars=pl.__version__, n=len(tries), n_lost=len(lost),
            seconds=sum(float(one["seconds"]) for one in tries),
        )
    ]  # fmt: skip
    parts += [_kills(tries), _limits(tries), _damage(tries)]
    if lost:
        parts.append(
            "## What was lost\n\n"
            + "\n".join(f"- {one['group']} {one['number']}, {one['fault']}: {_flat(one['lost'])}" for one in lost)
            + "\n"
        )
    return "\n".join(part for part in parts if part)


def _kills(tries: Sequence[Mapping[str, Any]]) -> str:
    found = [one for one in tries if one["group"] == "kills"]
    if not found:
        return ""
    met = Counter(str(one["fault"]) for one in found)
    lost = Counter(str(one["fault"]) for one in found if one["lost"])
    rows = "".join(f"| {stage} | {n} | {lost[stage]} |\n" for stage, n in met.items())
    return f"## `kill -9` at {len(found)} random moments\n\n| met in | times | lost something |\n|---|---|---|\n{rows}"


def _limits(tries: Sequence[Mapping[str, Any]]) -> str:
    found = [one for one in tries if one["group"] == "limits"]
    if not found:
        return ""
    rows = ""
    for kind in dict.fromkeys(str(one["fault"]).partition(",")[0] for one in found):
        of_kind = [one for one in found if str(one["fault"]).startswith(f"{kind},")]
        clear = sum(str(one["ended"]).startswith("exit 1 ") for one in of_kind)
        roomy = sum(one["ended"] == "had room enough" for one in of_kind)
        lost = sum(bool(one["lost"]) for one in of_kind)
        rows += f"| {kind} | {len(of_kind)} | {clear} | {roomy} | {len(of_kind) - clear - roomy} | {lost} |\n"
    head = "| kind | tries | stopped with its line | had room enough | process died | lost something |\n|---|---|---|---|---|---|\n"
    tail = "\nA process that dies of too little memory is ended by the library that asked for it (Polars, DuckDB): no line of ours.\n"
    return f"## Too little room, from a random stage on\n\n{head}{rows}{tail}"


def _damage(tries: Sequence[Mapping[str, Any]]) -> str:
    found = [one for one in tries if one["group"] == "damage"]
    if not found:
        return ""
    rows = "".join(f"| {one['fault']} | {one['ended']} | {_flat(one['lost']) or 'nothing'} |\n" for one in found)
    return f"## Damage\n\n| turned | found | lost or falsified |\n|---|---|---|\n{rows}"


def _flat(text: object) -> str:
    return str(text).replace("\n", " ").replace("|", "/")[:300]
