"""`kill -9` in one stage after another, then the same command: the tables of a run that nobody disturbed.

The points stand in rows: each run of a row gets a little farther than the one before it, and the last is not killed.
"""

from __future__ import annotations

import multiprocessing
import shutil
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from polars.testing import assert_frame_equal

from flows.nightly import STAGE_FLOWS
from tasks.contracts.recommending import ExplainConfig, RerankConfig
from tests.flows.kill_driver import KillPoint, run_night
from tests.night import GATE, Nights, SmallCatalog
from warehouse.publication import TABLES, verify_publication

ROWS = [
    [
        KillPoint("ingest", "commit"),
        KillPoint("embed", "insert embeddings"),
        KillPoint("relations", "commit"),
        KillPoint("quality", "commit"),
        KillPoint("candidates", "shard", 2),
        KillPoint("rerank", "insert rerank_orders"),
        KillPoint("publish", "rename", 3),
    ],
    [
        KillPoint(GATE, "insert quality_results"),
        KillPoint("topics", "commit", 3),
        KillPoint("judge", "insert judge_samples", 2),
        KillPoint("train", "insert models"),
        KillPoint("explain", "insert explanations", 2),
        KillPoint("publish", "replace"),
    ],
    [
        KillPoint("enrich", "insert enrichments", 2),
        KillPoint("similar", "insert item_groups"),
        KillPoint("judge", "commit", 8),
        KillPoint("rewrite", "insert user_queries", 2),
        KillPoint("score", "insert quality_results"),
        KillPoint("evaluate", "insert metrics"),
        KillPoint("publish", "insert publications"),
    ],
]
# label_metrics tells what labels cost in which run, and compares them with earlier runs; a publication is compared with the
# one before it, which may be that of a run that died after it had shown it.
BOOKKEEPING = {
    "runs", "stage_runs", "stage_outputs", "ingest_counts", "publications", "latest_publications", "publication_comparisons",
    "schema_migrations", "label_metrics",
}  # fmt: skip
OF_ONE_RUN = {"metrics", "quality_results"}
# What an ingest saw of the night before is told as `observed`: after a killed run that is the killed run.
VOLATILE = (
    "observed", "run_id", "last_seen_run", "first_seen_run", "first_seen_at", "changed_at", "created_at", "set_at", "fitted_at",
    "stored_at", "trained_at", "decided_at",
)  # fmt: skip


AT_ONCE = 2


@dataclass(frozen=True)
class Aftermath:
    """What a row of kills left, and what the same command made of it."""

    nights: Nights
    exit_codes: list[int | None]
    statuses_after_kills: list[str]
    latest_after_kills: list[str]


def test_every_stage_is_killed() -> None:
    assert {point.stage for row in ROWS for point in row} == {*STAGE_FLOWS, GATE}


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes that have the steps loaded already, so that each starts in no time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.flows.kill_driver"])
    return context


@pytest.fixture(scope="module")
def yesterday(tmp_path_factory: pytest.TempPathFactory, processes: ForkServerContext) -> Nights:
    """A night over a part of the catalog, as the warehouse that tonight's run finds; the catalog's files are tonight's."""
    folder = tmp_path_factory.mktemp("yesterday")
    catalog = SmallCatalog(folder / "catalog")
    items, users, events = catalog.items, catalog.users, catalog.events
    catalog.items = {item: items[item] for item in list(items)[:20]}
    catalog.users = {user: users[user] for user in list(users)[:14]}
    catalog.events = [event for event in events if event["item"] in catalog.items and event["user"] in catalog.users]
    catalog.save()
    nights = Nights(folder / "warehouse", [catalog], n_runs=1)
    assert run_tonight(nights, processes) == 0
    catalog.items, catalog.users = items, users
    catalog.items["i03"]["text"] += " More is known by now."
    catalog.items["i30"] = {**items["i04"], "id": "i30", "title": f"{items['i04']['title']} again"}
    del catalog.items["i05"]
    catalog.events = [event for event in events if event["item"] != "i05"]
    catalog.save()
    return nights


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, yesterday: Nights, processes: ForkServerContext) -> Nights:
    """What tonight's run makes of it when nobody kills it."""
    nights = copy_of(yesterday, tmp_path_factory.mktemp("undisturbed"))
    assert run_tonight(nights, processes) == 0
    return nights


@pytest.fixture(scope="module")
def aftermaths(
    tmp_path_factory: pytest.TempPathFactory, yesterday: Nights, processes: ForkServerContext
) -> Iterator[list[Future[Aftermath]]]:
    """Two rows at a time, while the first is looked at."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield [
            pool.submit(kill_and_run_again, yesterday, tmp_path_factory.mktemp("killed"), processes, row)
            for row in ROWS
        ]


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_killed_runs_are_made_good_by_the_same_command(
    aftermaths: list[Future[Aftermath]], undisturbed: Nights, number: int
) -> None:
    found = aftermaths[number].result()
    nights, n_killed = found.nights, len(ROWS[number])
    assert found.exit_codes == [-signal.SIGKILL] * n_killed + [0]
    assert found.statuses_after_kills == ["completed", *["interrupted"] * (n_killed - 1), "running"]
    assert set(found.latest_after_kills[:-1]) == {"r001"}
    assert found.latest_after_kills[-1] in {"r001", f"r{n_killed + 1:03d}"}
    assert nights.column("select status from runs order by run_id") == [
        "completed", *["interrupted"] * n_killed, "completed",
    ]  # fmt: skip
    assert verify_publication(nights.folder / "published").run_id == f"r{n_killed + 2:03d}"
    for table in undisturbed.column("select table_name from duckdb_tables() order by 1"):
        if table not in BOOKKEEPING:
            assert rows(nights, table) == rows(undisturbed, table), table
    for name in TABLES:
        sort = ["catalog", *TABLES[name].sorted_by]
        ours, theirs = (
            one.published(name).drop("created_at", strict=False).sort(sort) for one in (nights, undisturbed)
        )
        assert_frame_equal(ours, theirs)
    assert left_behind(nights.folder) == []


def test_point_that_is_never_reached_kills_nobody(
    tmp_path: Path, yesterday: Nights, processes: ForkServerContext
) -> None:
    nights = copy_of(yesterday, tmp_path)
    assert run_tonight(nights, processes, KillPoint("ingest", "commit", 99)) == 0


def kill_and_run_again(
    yesterday: Nights, folder: Path, processes: ForkServerContext, points: Sequence[KillPoint]
) -> Aftermath:
    """Run tonight up to each point in turn, and then to its end."""
    nights = copy_of(yesterday, folder)
    codes, latest = [], []
    for point in points:
        codes.append(run_tonight(nights, processes, point))
        latest.append(verify_publication(nights.folder / "published").run_id)
        statuses = nights.column("select status from runs order by run_id")
        nights.n_runs += 1
    return Aftermath(nights, [*codes, run_tonight(nights, processes)], statuses, latest)


def copy_of(nights: Nights, folder: Path) -> Nights:
    """The same warehouse elsewhere, before its next run."""
    shutil.copytree(nights.folder, folder / "warehouse", symlinks=True)
    return Nights(folder / "warehouse", nights.catalogs, n_runs=nights.n_runs + 1)


def run_tonight(nights: Nights, processes: ForkServerContext, point: KillPoint | None = None) -> int | None:
    """Run the night in a process of its own; its exit code."""
    context = nights.context(shard_users=12)
    candidates = context.catalog.candidates
    everything = {
        "candidates": candidates.model_copy(update={"sources": {**candidates.sources, "rewritten_query": 1.0}}),
        "rerank": RerankConfig(labeler="embedded"),
        "explain": ExplainConfig(labeler="embedded"),
    }
    context = replace(context, catalog=context.catalog.model_copy(update=everything))
    process = processes.Process(target=run_night, args=([context], point))
    process.start()
    process.join(timeout=120)
    return process.exitcode


def rows(nights: Nights, table: str) -> list[tuple[Any, ...]]:
    """What must be the same in both: of the tables that hold a part for each run, the last run's."""
    source = f"(select * from {table} where run_id = '{nights.run_id}')" if table in OF_ONE_RUN else table
    return [tuple(map(_rounded, row)) for row in nights.table(source, without=VOLATILE)]


def _rounded(value: Any) -> Any:
    # Which items share a matrix product decides the last bits of a cosine.
    if isinstance(value, float):
        return round(value, 5)
    return [_rounded(part) for part in value] if isinstance(value, list) else value


def left_behind(folder: Path) -> list[Path]:
    """What a dead process may leave half written, and a later run should have swept."""
    return [*folder.rglob("*.partial"), *folder.rglob(".staging-*"), *folder.glob("published/.latest*")]
