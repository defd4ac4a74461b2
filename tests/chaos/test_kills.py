"""`kill -9` in one stage after another, then the same command: the tables of a run that nobody disturbed.

The points stand in rows: each run of a row gets a little farther than the one before it, and the last is not killed.
The long form, `make chaos`, kills at random moments and runs to the end after each.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from flows.nightly import STAGE_FLOWS
from tests.chaos.driver import Fault
from tests.chaos.nights import assert_same, copy_of, run_tonight
from tests.night import GATE, Nights
from warehouse.publication import verify_publication

ROWS = [
    [
        Fault("ingest", "commit"),
        Fault(GATE, "insert quality_results"),
        Fault("enrich", "insert enrichments", 2),
        Fault("embed", "insert embeddings"),
        Fault("similar", "insert item_groups"),
        Fault("judge", "insert judge_samples", 2),
        Fault("quality", "commit"),
        Fault("candidates", "shard", 2),
        Fault("score", "insert quality_results"),
        Fault("explain", "insert explanations", 2),
        Fault("publish", "rename", 3),
    ],
    [
        Fault("topics", "commit", 3),
        Fault("relations", "commit"),
        Fault("judge", "commit", 8),
        Fault("rewrite", "insert user_queries", 2),
        Fault("train", "insert models"),
        Fault("rerank", "insert rerank_orders"),
        Fault("evaluate", "insert metrics"),
        # The publication is in its place, and `latest.json` does not name it yet.
        Fault("publish", "replace"),
        Fault("publish", "insert publications"),
    ],
]


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
def aftermaths(
    tmp_path_factory: pytest.TempPathFactory, yesterday: Nights, forking: ForkServerContext
) -> Iterator[list[Future[Aftermath]]]:
    """The rows at once, while the first is looked at."""
    with ThreadPoolExecutor(len(ROWS)) as pool:
        yield [
            pool.submit(kill_and_run_again, yesterday, tmp_path_factory.mktemp("killed"), forking, row) for row in ROWS
        ]


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_killed_runs_are_made_good_by_the_same_command(
    aftermaths: list[Future[Aftermath]], undisturbed: Nights, number: int
) -> None:
    found = aftermaths[number].result()
    nights, n_killed = found.nights, len(ROWS[number])
    assert found.exit_codes == [-signal.SIGKILL] * n_killed + [0]
    assert found.statuses_after_kills == ["completed", *["interrupted"] * (n_killed - 1), "running"]
    # Only a run that died after it had moved the pointer is the latest, and then it is whole.
    assert set(found.latest_after_kills[:-1]) == {"r001"}
    assert found.latest_after_kills[-1] in {"r001", f"r{n_killed + 1:03d}"}
    assert nights.column("select status from runs order by run_id") == [
        "completed", *["interrupted"] * n_killed, "completed",
    ]  # fmt: skip
    assert verify_publication(nights.folder / "published").run_id == f"r{n_killed + 2:03d}"
    assert_same(nights, undisturbed)


def kill_and_run_again(
    yesterday: Nights, folder: Path, forking: ForkServerContext, points: Sequence[Fault]
) -> Aftermath:
    """Run tonight up to each point in turn, and then to its end."""
    nights = copy_of(yesterday, folder)
    codes, latest = [], []
    for point in points:
        codes.append(run_tonight(nights, forking, point))
        latest.append(verify_publication(nights.folder / "published").run_id)
        statuses = nights.column("select status from runs order by run_id")
        nights.n_runs += 1
    return Aftermath(nights, [*codes, run_tonight(nights, forking)], statuses, latest)
