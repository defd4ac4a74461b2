"""The whole night on real catalogs: BBC news with 200 simulated users, and MovieLens 100k with its ratings.

    python -m benchmarks.real_catalogs --data ../shared/data [--warehouse DIR] [--only bbc]

Runs every stage but the flows around them, with the catalog files of examples/catalogs as they are, and writes
benchmarks/results/real_catalogs.md: the table of all rankers on held-out users with 95 % intervals, LambdaMART's lead
over each with the interval of the paired difference, seconds a stage, and what became of the byte-identical articles.
About ten minutes on two cores, most of it embedding and describing 2,225 articles.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

import polars as pl

from tasks.contracts.catalog_file import load_catalog
from tasks.contracts.context import StepContext
from tasks.runs import start_run
from warehouse.connection import open_warehouse
from warehouse.outputs import latest_output

CATALOGS = Path(__file__).parent.parent / "examples/catalogs"
STAGES = (
    "ingest", "enrich", "embed", "topics", "similar", "relations", "judge", "quality", "rewrite", "candidates", "train",
    "score", "rerank", "explain", "evaluate", "publish",
)  # fmt: skip
AS_OF = date(2026, 11, 1)
SHOWN = ("ndcg@10", "precision@10", "recall@10", "map@10", "mrr@10", "coverage@10")


@dataclass(frozen=True)
class Night:
    """One catalog's night: its metrics, seconds by stage, and the notes of train and evaluate."""

    name: str
    metrics: pl.DataFrame
    seconds: dict[str, float]
    notes: list[str]


def run_night(name: str, folder: Path, *, data: Path, n_users: int) -> Night:
    """Run all stages for one catalog in a warehouse of its own."""
    catalog = load_catalog(CATALOGS / f"{name}.toml", {"data": str(data.resolve())})
    context = StepContext("night", catalog, folder, AS_OF, threads=os.cpu_count() or 1)
    start_run(folder, "night", as_of=AS_OF, catalogs=[name], code_version="benchmark")
    seconds: dict[str, float] = {}
    notes: list[str] = []
    if n_users:
        importlib.import_module("tasks.simulate_users").simulate_users.fn(context, n_users=n_users, seed=1)
    for stage in STAGES:
        clock = time.monotonic()
        report = getattr(importlib.import_module(f"tasks.{stage}"), stage).fn(context)
        seconds[stage] = time.monotonic() - clock
        notes += list(report.notes) if stage in ("similar", "train", "evaluate") else []
        print(f"{name} {stage}: {seconds[stage]:.1f} s", flush=True)
    with open_warehouse(folder, read_only=True) as warehouse:
        metrics = warehouse.connection.sql("select * from metrics where slice = 'all' order by ranker").to_arrow_table()
    return Night(name, pl.DataFrame(pl.from_arrow(metrics)), seconds, notes)


def describe_night(night: Night) -> str:
    """The table of rankers, best first, and LambdaMART's lead over each."""
    named = night.metrics.with_columns(name=pl.concat_str("metric", pl.lit("@"), "k"))
    ndcg = named.filter(pl.col("name") == "ndcg@10").sort("value", descending=True)
    lines = [
        f"## {night.name}: {ndcg['n_users'][0]} held-out users\n",
        f"| ranker | {' | '.join(SHOWN)} | LambdaMART's lead in NDCG@10 |",
        f"|---|{'---|' * (len(SHOWN) + 1)}",
    ]
    for ranker in ndcg["ranker"]:
        rows = {row["name"]: row for row in named.filter(pl.col("ranker") == ranker).iter_rows(named=True)}
        cells = [_cell(rows[name]) for name in SHOWN]
        first = rows["ndcg@10"]
        lead = (
            ""
            if first["lift"] is None
            else f"{first['lift']:+.3f} [{first['lift_low']:+.3f}, {first['lift_high']:+.3f}]"
        )
        lines.append(f"| {ranker} | {' | '.join(cells)} | {lead} |")
    lines += ["", *(f"- {note}" for note in night.notes)]
    lines.append("- seconds a stage: " + ", ".join(f"{stage} {spent:.0f}" for stage, spent in night.seconds.items()))
    return "\n".join(lines)


def describe_copies(folder: Path) -> str:
    """Whether byte-identical articles share a group, and whether any user is recommended two of one group."""
    with open_warehouse(folder) as warehouse:
        copies, grouped = warehouse.connection.sql(
            """
            with copies as (
                select item_id, content_hash, min(item_id) over (partition by content_hash) as first_id
                from items where is_active qualify count(*) over (partition by content_hash) > 1
            )
            select
                count(*) filter (copies.item_id <> first_id),
                count(*) filter (copies.item_id <> first_id and a.group_id = b.group_id)
            from copies
            left join item_groups as a on a.item_id = copies.item_id
            left join item_groups as b on b.item_id = copies.first_id
            """
        ).fetchall()[0]
        files = [str(path) for path in latest_output(warehouse, catalog="bbc", stage="recommendations", needs="score")]
        repeats = warehouse.query("audits/group_repeats", catalog="bbc", files=files).height
    return (
        f"\nOf the articles, {copies} are a byte-identical copy of an earlier one; {grouped} of them are in its group."
        f" Users who were recommended two of one group: {repeats}.\n"
    )


def _cell(row: dict[str, float | None]) -> str:
    interval = "" if row["ci_low"] is None else f" [{row['ci_low']:.3f}, {row['ci_high']:.3f}]"
    return f"{row['value']:.3f}{interval}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the nights and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with bbc-news-summary.zip and ml-100k.zip")
    parser.add_argument("--warehouse", type=Path, help="keep the warehouses here; default: a temporary folder")
    parser.add_argument("--only", choices=("bbc", "movielens-100k"))
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/real_catalogs.md"))
    given = parser.parse_args(arguments)
    parts = []
    with tempfile.TemporaryDirectory() as temporary:
        root = given.warehouse or Path(temporary)
        for name, n_users in (("bbc", 200), ("movielens-100k", 0)):
            if given.only in (None, name):
                night = run_night(name, root / name, data=given.data, n_users=n_users)
                parts.append(describe_night(night) + ("\n" + describe_copies(root / name) if name == "bbc" else ""))
    packages = ", ".join(
        f"{package} {version(package)}" for package in ("duckdb", "lightgbm", "sentence-transformers", "torch")
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    head = (
        "# Real catalogs, the whole night\n\n`python -m benchmarks.real_catalogs --data DATA`, embedded labeler, seeds as in the"
        f" catalog files.\nPython {platform.python_version()}, {os.cpu_count()} cores, {packages}; peak memory {peak:.0f} MiB.\n\n"
        "Users are split by a hash of their id; those measured were never seen by the ranker. Values are means over users with\n"
        "95 % bootstrap intervals; NDCG is ideal over all known relevant items. BBC: profiles are simulated (seed 1), the\n"
        "embedded judge graded every article for each user, from interests, topics, words and avoidances. MovieLens: the\n"
        "latest quarter of each user's ratings is hidden from all sources and features; 4 and 5 stars are relevant.\n\n"
    )
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(head + "\n\n".join(parts) + "\n", encoding="utf-8")
    print(given.output.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
