"""Yesterday's warehouse, tonight's catalog, and whether what a disturbed run left equals what an undisturbed one does."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import duckdb
from polars.testing import assert_frame_equal

from tasks.contracts.recommending import ExplainConfig, RerankConfig
from tests.chaos.driver import Fault, run_night
from tests.night import Nights, SmallCatalog
from warehouse.connection import DATABASE, open_warehouse
from warehouse.publication import TABLES, verify_publication

# What is told of runs, and not by them. label_metrics tells what labels cost in which run; a publication is compared with the
# one before it, which may be that of a run that died after it had shown it.
BOOKKEEPING = {
    "runs", "ingest_counts", "publications", "latest_publications", "publication_comparisons", "schema_migrations", "label_metrics",
}  # fmt: skip
OF_ONE_RUN = {"metrics": "catalog", "quality_results": "catalog, suite"}
"""Tables that hold a part for each run, and of what a run's part is: the last of each counts."""
TIMES_OF_THE_SOURCE = {"occurred_at", "published_at"}
TIMEOUT_S = 300


def processes() -> ForkServerContext:
    """Processes that have the steps loaded already, so that each starts in no time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chaos.driver"])
    return context


def make_yesterday(folder: Path, forking: ForkServerContext) -> Nights:
    """A night over a part of the catalog, as the warehouse that tonight's run finds; the catalog's files are tonight's."""
    catalog = SmallCatalog(folder / "catalog")
    items, users, events = catalog.items, catalog.users, catalog.events
    catalog.items = {item: items[item] for item in list(items)[:20]}
    catalog.users = {user: users[user] for user in list(users)[:14]}
    catalog.events = [event for event in events if event["item"] in catalog.items and event["user"] in catalog.users]
    catalog.save()
    nights = Nights(folder / "warehouse", [catalog], n_runs=1)
    assert run_tonight(nights, forking) == 0, said_by(nights)
    catalog.items, catalog.users = items, users
    catalog.items["i03"]["text"] += " More is known by now."
    catalog.items["i30"] = {**items["i04"], "id": "i30", "title": f"{items['i04']['title']} again"}
    del catalog.items["i05"]
    catalog.events = [event for event in events if event["item"] != "i05"]
    catalog.save()
    return nights


def copy_of(nights: Nights, folder: Path) -> Nights:
    """The same warehouse elsewhere, before its next run."""
    shutil.copytree(nights.folder, folder / "warehouse", symlinks=True)
    return Nights(folder / "warehouse", nights.catalogs, n_runs=nights.n_runs + 1)


def start_tonight(
    nights: Nights, forking: ForkServerContext, fault: Fault | None = None, *, marks: Path | None = None
) -> Any:
    """Start the night in a process of its own."""
    context = nights.context(shard_users=12)
    candidates = context.catalog.candidates
    everything = {
        "candidates": candidates.model_copy(update={"sources": {**candidates.sources, "rewritten_query": 1.0}}),
        "rerank": RerankConfig(labeler="embedded"),
        "explain": ExplainConfig(labeler="embedded"),
    }
    context = replace(context, catalog=context.catalog.model_copy(update=everything))
    said = _said(nights)
    said.unlink(missing_ok=True)
    process = forking.Process(target=run_night, args=(context, fault, said, marks))
    process.start()
    return process


def run_tonight(nights: Nights, forking: ForkServerContext, fault: Fault | None = None) -> int | None:
    """Run the night in a process of its own; its exit code."""
    process = start_tonight(nights, forking, fault)
    process.join(timeout=TIMEOUT_S)
    return None if process.exitcode is None else int(process.exitcode)


def said_by(nights: Nights) -> dict[str, str | None]:
    """How the last run failed: line (what the command line would say), error, stage; {} if it did not."""
    path = _said(nights)
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def assert_opens(nights: Nights) -> None:
    """The warehouse opens, every value of it can be read, and the publication is whole."""
    with open_warehouse(nights.folder) as warehouse:
        for (table,) in warehouse.connection.execute("select table_name from duckdb_tables()").fetchall():
            warehouse.connection.execute(f'select bit_xor(hash(every)) from "{table}" as every').fetchall()
    verify_publication(nights.folder / "published")


def assert_same(nights: Nights, undisturbed: Nights) -> None:
    """All tables and all published rows are those of the undisturbed night; ids of runs and times aside."""
    for table in undisturbed.column("select table_name from duckdb_tables() order by 1"):
        if table not in BOOKKEEPING and not table.startswith("stage_"):
            assert rows(nights, table) == rows(undisturbed, table), table
    for name in TABLES:
        sort = ["catalog", *TABLES[name].sorted_by]
        ours, theirs = (
            one.published(name).drop("created_at", strict=False).sort(sort) for one in (nights, undisturbed)
        )
        assert_frame_equal(ours, theirs)
    assert left_behind(nights.folder) == []


def rows(nights: Nights, table: str) -> list[tuple[Any, ...]]:
    """What must be the same in both."""
    last = (
        f"qualify rank() over (partition by {OF_ONE_RUN[table]} order by run_id desc) = 1"
        if table in OF_ONE_RUN
        else ""
    )
    source = f"(select * from {table} {last})"
    with duckdb.connect(str(nights.folder / DATABASE), read_only=True) as connection:
        names = [row[0] for row in connection.execute(f"describe select * from {source}").fetchall()]
    return [
        tuple(map(_rounded, row))
        for row in nights.table(source, without=[name for name in names if _tells_of_runs(name)])
    ]


def left_behind(folder: Path) -> Sequence[Path]:
    """What a dead process may leave half written, and a later run should have swept."""
    return [*folder.rglob("*.partial"), *folder.rglob(".staging-*"), *folder.glob("published/.latest*")]


def _tells_of_runs(column: str) -> bool:
    # What an ingest saw of the night before is told as `observed`: after a disturbed run that is the disturbed run.
    is_time = column.endswith("_at") and column not in TIMES_OF_THE_SOURCE
    return is_time or column.endswith("_run") or column in {"run_id", "observed"}


def _rounded(value: Any) -> Any:
    # Which items share a matrix product decides the last bits of a cosine.
    if isinstance(value, float):
        return round(value, 5)
    return [_rounded(part) for part in value] if isinstance(value, list) else value


def _said(nights: Nights) -> Path:
    # Beside the catalog: the disk of the warehouse may be full.
    return nights.catalogs[0].folder / f"{nights.folder.parent.name}.said"
