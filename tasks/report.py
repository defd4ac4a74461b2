"""report: a run's rows in the warehouse -> one HTML page. Reads the warehouse and shards of lists, and writes the page.

Counting is done in the warehouse; what comes out is aggregates, at most MOST_ITEMS items a catalog for the map, and the
first shard of lists. Time O(rows of the run's tables) in DuckDB, plus some 10 seconds a catalog for a full map; memory
O(MOST_ITEMS * d + shard), whatever the number of items and users. A run that failed, was gated or is one stage alone
has its report too: a part without rows says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from tasks.contracts.errors import ConfigError
from tasks.run_report import RunFacts, render_report
from tasks.run_report.facts import ExampleUser, Ingested, ListDrift, PastRun
from tasks.run_report.gate_results import make_gates
from tasks.run_report.labels import make_labels
from tasks.run_report.lists import choose_users, compare_lists, make_users
from tasks.run_report.measured import CatalogMetrics, ItemMap, TaskLabels
from tasks.run_report.measuring import make_metrics
from tasks.run_report.projection import MOST_ITEMS, make_map
from tasks.run_report.running import (
    make_churn,
    make_comparisons,
    make_costs,
    make_dead,
    make_ingested,
    make_past,
    make_refused,
    make_stages,
)
from tasks.run_report.verdict import judge_run
from warehouse.clock import utc_now
from warehouse.connection import Warehouse, open_warehouse
from warehouse.errors import WarehouseError
from warehouse.migrations import known_migrations
from warehouse.shards import list_shards

Of = TypeVar("Of", Ingested, TaskLabels, CatalogMetrics, ListDrift)
FOLDER = "reports"
N_RUNS = 12
MOST_REASONS = 30
MEMORY_MB = 700
"""What counting may hold in memory; beyond it the warehouse's temporary folder is used."""


def write_run_report(folder: Path, run_id: str | None = None, *, output: Path | None = None) -> Path:
    """Write the page of a run (none: the last that ended) to `output` or <folder>/reports/<run>.html; its path.

    Raises ConfigError for a run that the warehouse does not know and for an output that is a folder, WarehouseError where
    there is no warehouse, or one that an older version has written last.
    """
    if output is not None and output.is_dir():
        raise ConfigError(f"--output {str(output)!r} is a folder; give the name of a file")
    facts = read_facts(folder, run_id)
    path = output or folder / FOLDER / f"{facts.run.run_id}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(render_report(facts), encoding="utf-8", errors="replace")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def read_facts(folder: Path, run_id: str | None = None) -> RunFacts:
    """What the page of a run shows."""
    with open_warehouse(folder, read_only=True, memory_limit_mb=MEMORY_MB) as warehouse, _refuse_old(warehouse):
        past = make_past(warehouse.query("queries/report_runs", run_id=run_id, n_runs=N_RUNS))
        if not past:
            known = ", ".join(warehouse.query("queries/last_runs")["run_id"].to_list()) or "none yet"
            wanted = "no run has ended" if run_id is None else f"unknown run {run_id!r}"
            raise ConfigError(f"{wanted}; the last runs are {known}")
        facts = _in_order(_read_catalogs(warehouse, _read_run(warehouse, past)))
    return replace(facts, verdict=judge_run(facts))


@contextmanager
def _refuse_old(warehouse: Warehouse) -> Iterator[None]:
    """Say so where a statement fails because the warehouse was not written since the last upgrade: this only reads it."""
    try:
        yield
    except WarehouseError as error:
        applied = warehouse.query("queries/applied_migrations")["name"].to_list()
        if missing := sorted(set(known_migrations()) - set(applied)):
            raise WarehouseError(
                f"the warehouse was last written by an older Nightjar and lacks migration {missing[0]!r};"
                " run `nightjar doctor`, which brings it up to date, and then this again"
            ) from error
        raise


def _in_order(facts: RunFacts) -> RunFacts:
    """Catalogs in the order in which the run was given them, everywhere."""
    places = {name: place for place, name in enumerate(facts.run.catalogs)}

    def sort(rows: Sequence[Of]) -> tuple[Of, ...]:
        return tuple(sorted(rows, key=lambda row: places.get(row.catalog, len(places))))

    return replace(
        facts,
        ingested=sort(facts.ingested),
        labels=sort(facts.labels),
        metrics=sort(facts.metrics),
        lists=sort(facts.lists),
        users=tuple(
            replace(user, lists=tuple(sorted(user.lists, key=lambda one: places.get(one[0], 0))))
            for user in facts.users
        ),
    )


def _read_run(warehouse: Warehouse, past: tuple[PastRun, ...]) -> RunFacts:
    """What the run itself and those before it noted."""
    run, scope = past[-1], {"run_ids": [one.run_id for one in past]}
    within = {**scope, "catalogs": list(run.catalogs)}
    around = warehouse.query("queries/report_around", run_id=run.run_id).row(0, named=True)
    ingested = warehouse.query("queries/report_ingested", **scope)
    return RunFacts(
        run=run,
        past=past,
        made_at=utc_now(),
        later_run=around["later_run"] or "",
        last_publication=around["last_publication"] or "",
        stages=make_stages(warehouse.query("queries/report_stages", run_id=run.run_id)),
        ingested=make_ingested(ingested, run.run_id),
        refused=make_refused(warehouse.query("queries/report_refused", run_id=run.run_id, most=MOST_REASONS)),
        dead=make_dead(warehouse.query("queries/report_dead_letters", run_id=run.run_id, most=MOST_REASONS)),
        labels=make_labels(warehouse.query("queries/report_labels", **within)),
        metrics=make_metrics(warehouse.query("queries/report_metrics", **within)),
        costs=make_costs(warehouse.query("queries/report_costs", **scope)),
        comparisons=make_comparisons(warehouse.query("queries/report_comparisons", run_id=run.run_id)),
        churn=make_churn(ingested, past),
        gates=make_gates(warehouse.query("queries/report_gates", run_id=run.run_id)),
    )


def _read_catalogs(warehouse: Warehouse, facts: RunFacts) -> RunFacts:
    """What is looked up catalog by catalog: the map, and lists of users."""
    outputs = warehouse.query("queries/report_outputs", run_id=facts.run.run_id, catalogs=list(facts.run.catalogs))
    rows = list(outputs.iter_rows(named=True))
    return replace(
        facts,
        maps=tuple(_read_map(warehouse, catalog) for catalog in facts.run.catalogs),
        lists=tuple(drift for row in rows if (drift := _read_drift(warehouse, row, facts.run)) is not None),
        users=tuple(
            user
            for space in dict.fromkeys(row["user_space"] for row in rows)
            for user in _read_users(warehouse, [row for row in rows if row["user_space"] == space], facts.run)
        ),
    )


def _read_map(warehouse: Warehouse, catalog: str) -> ItemMap:
    rows = warehouse.query("queries/report_map", catalog=catalog, most=MOST_ITEMS)
    n_items = warehouse.value("queries/count_active_items", catalog=catalog) or 0
    return make_map(catalog, rows, n_items=n_items)


def _read_drift(warehouse: Warehouse, row: dict[str, Any], run: PastRun) -> ListDrift | None:
    """Lists of the run against those before; None where it has made none, or the others are swept away."""
    if row["run_id"] != run.run_id or row["before_folder"] is None:
        return None
    now, before = (_first_shard(warehouse, row[name]) for name in ("folder", "before_folder"))
    if not now or not before:
        return None
    columns = ["user_id", "item_id", "rank", "score"]
    return compare_lists(
        row["catalog"],
        row["before_run"],
        now=pl.read_parquet(now[0], columns=columns),
        before=pl.read_parquet(before[0], columns=columns),
    )


def _read_users(warehouse: Warehouse, rows: list[dict[str, Any]], run: PastRun) -> tuple[ExampleUser, ...]:
    """Users of one space with their lists in all of its catalogs; they are chosen from a first shard."""
    files = {row["catalog"]: _first_shard(warehouse, row["folder"], whole=True) for row in rows}
    files = {catalog: paths for catalog, paths in files.items() if paths}
    if not files:
        return ()
    scope = {"user_space": rows[0]["user_space"]}
    first = next(iter(files))
    # A shard holds whole users: of the catalog that they are chosen from no other one is read.
    files[first] = files[first][:1]
    ids = pl.read_parquet(files[first][0], columns=["user_id"])["user_id"].unique().sort().to_list()
    known = warehouse.query("queries/report_known_users", user_ids=ids, **scope)
    chosen = choose_users(known)
    profiles = warehouse.query("queries/report_users", user_ids=chosen, as_of=run.as_of, **scope)
    lists = {
        catalog: pl.scan_parquet(paths).filter(pl.col("user_id").is_in(chosen)).collect(engine="streaming")
        for catalog, paths in files.items()
    }
    return make_users(chosen, known, profiles=profiles, lists=lists)


def _first_shard(warehouse: Warehouse, folder: str, *, whole: bool = False) -> list[Path]:
    """The first file of a folder of shards, or all of them; [] where it has been swept away."""
    path = warehouse.folder / folder
    files = list_shards(path) if path.is_dir() else []
    return files if whole else files[:1]
