"""What a night costs when nothing has changed, and when one item and one user in a hundred have: BBC news, and generated catalogs.

    python -m benchmarks.changed_nights --data ../shared/data [--only bbc | mixed | generated] [--users 100000 --items 100000]
        [--nights 2] [--small]

Three nights on three days over one warehouse, every stage as `nightly` runs it (flows.stage.run_step, without Prefect's
server): all is new; nothing has changed; 1 % of the items are new or have another text, and 1 % of the users have five more
interactions. BBC has 200 simulated users with 20 interactions each, and the model that ships with Nightjar. mixed: more
articles, of passages of the BBC's, and more users, with all stages. The generated
catalog (benchmarks/million_data.py) has its vectors and topics stored, so that it starts at `similar`. Counted are seconds a
stage, requests, vectors, labels and near pairs made, and whether the published bytes are the same. --small: 300 articles and
2,000 x 2,000. --nights 2 leaves out the third night of the generated catalog, in which everybody's lists are made anew for a
day on which all is a day older. About 2 minutes on two idle cores for BBC, 20 for 100,000 x 100,000.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

from benchmarks.changed_articles import DAY, MORE, Articles
from benchmarks.million_catalog import make_catalog as make_generated
from benchmarks.million_data import CATALOG, fill
from benchmarks.near_duplicates_million import plant
from flows.stage import run_step
from tasks.contracts.catalog_file import load_catalog
from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.keeping import ALL, ORDER
from tasks.publish import confirm_latest
from tasks.runs import finish_run, start_run
from warehouse.connection import open_warehouse
from warehouse.publication import resolve_latest

BBC_STAGES = ("ingest", *ORDER)
GENERATED_STAGES = ("similar", "relations", "candidates", "train", "score", "evaluate", "publish")
LABELS = ("enrichments", "topic_labels", "similarity_labels", "judge_labels")
N_USERS = 200
PACKAGES = ("sentence-transformers", "torch", "lightgbm", "faiss-cpu", "duckdb", "polars")


@dataclass(frozen=True)
class Night:
    """One night: seconds by stage, CPU seconds in all, what was made, and a digest of what is published."""

    name: str
    seconds: dict[str, float]
    kept: tuple[str, ...]
    cpu_seconds: float
    peak_mb: float
    requests: int
    made: dict[str, int]
    bytes_digest: str

    @property
    def total(self) -> float:
        """Seconds of all stages."""
        return sum(self.seconds.values())


def run_night(name: str, context: StepContext, stages: Sequence[str]) -> Night:
    """The stages as nightly runs them."""
    names = [context.catalog.name]
    start_run(context.folder, context.run_id, as_of=context.as_of, catalogs=names, code_version="benchmark")
    reports: dict[str, StepReport] = {}
    seconds: dict[str, float] = {}
    spent = time.process_time()
    for stage in stages:
        clock = time.perf_counter()
        module, step = ("quality", "check_ingest") if stage == "ingest gate" else (stage, stage)
        body: Callable[[StepContext], StepReport] = getattr(importlib.import_module(f"tasks.{module}"), step).fn
        ending = {"name": ALL, "confirm": confirm_latest} if stage == "publish" else {}
        reports[stage] = run_step(stage, body, replace(context, keeps=True), **ending)  # type: ignore[arg-type]
        seconds[stage] = time.perf_counter() - clock
    cpu = time.process_time() - spent
    finish_run(context.folder, context.run_id, status="completed", message="", peak_rss_mb=0.0)
    return Night(
        name,
        seconds,
        tuple(stage for stage, report in reports.items() if report.kept_from),
        cpu,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        sum(report.requests for report in reports.values()),
        count_made(context),
        digest_published(context.folder / "published"),
    )


def count_made(context: StepContext) -> dict[str, int]:
    """Rows that this run has added, by table."""
    tables = ("embeddings", *LABELS, "similar_pairs")
    query = " union all ".join(f"select '{table}', count(*) from {table} where run_id = $run_id" for table in tables)
    with open_warehouse(context.folder, read_only=True) as warehouse:
        return dict(warehouse.connection.execute(query, {"run_id": context.run_id}).fetchall())


def digest_published(published: Path) -> str:
    """Of the path and the bytes of every file of the latest publication."""
    latest = resolve_latest(published)
    total = hashlib.sha256(latest.publication_id.encode())
    for table in latest.all_tables():
        for file in table.files:
            total.update(hashlib.sha256((published / file.path).read_bytes()).digest())
    return total.hexdigest()[:16]


def run_bbc(root: Path, data: Path, *, n_users: int, limit: int | None, mixed: int | None) -> list[Night]:
    """The three nights of BBC news, or of articles that are mixed of them."""
    articles = Articles(data, root / "catalog", n_users=n_users, limit=limit, mixed=mixed)

    def context(number: int) -> StepContext:
        catalog = load_catalog(articles.save())
        day = DAY + timedelta(days=number)
        return StepContext(f"n{number}", catalog, root / "warehouse", day, threads=os.cpu_count() or 1)

    nights = [run_night("all new", context(1), BBC_STAGES), run_night("nothing changed", context(2), BBC_STAGES)]
    articles.change()
    return [*nights, run_night("1 % changed", context(3), BBC_STAGES)]


def run_generated(root: Path, *, n_users: int, n_items: int, n_nights: int) -> list[Night]:
    """The nights of the generated catalog."""
    folder = root / "warehouse"
    fill(folder, n_users=n_users, n_items=n_items)
    base = StepContext(
        "n1", make_generated(per_source=100, total=100, exact_up_to=100_000), folder, DAY, memory_limit_mb=4096,
        threads=os.cpu_count() or 1,
    )  # fmt: skip
    nights = [
        run_night("all new", base, GENERATED_STAGES),
        run_night("nothing changed", replace(base, run_id="n2", as_of=DAY + timedelta(days=1)), GENERATED_STAGES),
    ]
    if n_nights < 3:
        return nights
    plant(folder, n_items=n_items, step=100, offset=1, prefix="y")
    with open_warehouse(folder, memory_limit_mb=4096) as warehouse:
        warehouse.connection.execute(
            "insert into interactions by name select catalog, user_id, item_id, event, timestamp '2026-11-02' as occurred_at,"
            " timestamp '2026-11-02' as first_seen_at from interactions where user_id in"
            " (select user_id from users where hash(user_id) % 100 = 0) qualify row_number() over"
            " (partition by user_id order by item_id) <= $n",
            {"n": MORE},
        )
    changed = replace(base, run_id="n3", as_of=DAY + timedelta(days=2))
    return [*nights, run_night("1 % changed", changed, GENERATED_STAGES)]


def describe(title: str, nights: Sequence[Night]) -> list[str]:
    """The part of a page that tells of the nights."""
    full = nights[0]
    lines = [
        f"## {title}\n",
        f"| stage | {' | '.join(night.name for night in nights)} |",
        f"|---|{'---|' * len(nights)}",
    ]
    for stage in full.seconds:
        cells = [f"{night.seconds[stage]:.1f}{' kept' if stage in night.kept else ''}" for night in nights]
        lines.append(f"| {stage} | {' | '.join(cells)} |")
    rows = {
        "**seconds in all**": [f"**{night.total:.1f}**" for night in nights],
        "**of the full night**": [f"**{night.total / full.total:.1%}**" for night in nights],
        "CPU seconds": [f"{night.cpu_seconds:.1f} ({night.cpu_seconds / full.cpu_seconds:.1%})" for night in nights],
        "peak memory so far, MiB": [f"{night.peak_mb:.0f}" for night in nights],
        "requests": [str(night.requests) for night in nights],
        **{f"{table} made": [f"{night.made[table]:,}" for night in nights] for table in full.made},
        "published bytes": [
            "-",
            *("the same" if one.bytes_digest == full.bytes_digest else "new" for one in nights[1:]),
        ],
    }
    return [*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()), ""]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with bbc-news-summary.zip")
    parser.add_argument("--only", choices=("bbc", "mixed", "generated"))
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--nights", type=int, choices=(2, 3), default=3)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/changed_nights.md"))
    given = parser.parse_args(arguments)
    clock, parts = time.perf_counter(), []
    with tempfile.TemporaryDirectory() as root:
        limit = 300 if given.small else None
        if given.only in (None, "bbc"):
            nights = run_bbc(Path(root) / "bbc", given.data, n_users=N_USERS, limit=limit, mixed=None)
            parts += describe(f"BBC news, {N_USERS} simulated users", nights)
        if given.only == "mixed":
            mixed = {"n_users": given.users, "mixed": given.items}
            nights = run_bbc(Path(root) / "mixed", given.data, limit=limit, **mixed)
            parts += describe(f"{given.items:,} articles mixed of BBC news, {given.users:,} simulated users", nights)
        if given.only in (None, "generated"):
            n_users, n_items = (2000, 2000) if given.small else (given.users, given.items)
            nights = run_generated(Path(root) / "generated", n_users=n_users, n_items=n_items, n_nights=given.nights)
            parts += describe(f"{CATALOG}: {n_users:,} users, {n_items:,} items, from stored vectors on", nights)
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    head = [
        "# Nights on which little has changed\n",
        f"`python -m benchmarks.changed_nights`, {(time.perf_counter() - clock) / 60:.0f} minutes. Python"
        f" {platform.python_version()}, {os.cpu_count()} CPUs, {packages}. Seconds are those of the stages, as a night's"
        " summary has them. Each night is of the next day.\n",
    ]
    given.output.write_text("\n".join([*head, *parts]), encoding="utf-8")
    print("\n".join(parts))


if __name__ == "__main__":
    main()
