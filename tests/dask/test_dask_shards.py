"""Shards on a real Dask cluster: the same rows as here, whatever happens to the workers."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import distributed
import pytest

from benchmarks.dask_cluster import Cluster
from flows.scale_settings import ScaleSection
from flows.workers import current_pool, open_pool
from tasks.contracts.errors import ConfigError, StepError, TransientError
from tasks.sharding.dask_pool import DaskPool
from tasks.sharding.worker import check_in, describe_code, run_part
from tests.night import Nights, SmallCatalog

SERVED = ("candidates", "candidates-holdout", "scored", "recommendations")


def digests(nights: Nights, run: int) -> dict[str, str]:
    """The shards of a run, by their bytes."""
    folder = sorted((nights.folder / "runs").iterdir())[run]
    found = sorted(folder.glob("*/*/shard-*.parquet"))
    kept = [path for path in found if path.parent.name in SERVED]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in kept}


@pytest.fixture(scope="module")
def shards_here(labeled: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Candidates and lists made in this process, by two threads, of three users a shard."""
    folder = tmp_path_factory.mktemp("here") / "warehouse"
    shutil.copytree(labeled, folder, symlinks=True)
    changes = {"shard_users": 3, "threads": 2}
    here = Nights(folder, [SmallCatalog(tmp_path_factory.mktemp("catalog"))], changes=changes, n_runs=1)
    here.run("candidates", "score")
    return digests(here, -1)


def test_workers_make_the_same_bytes(
    nights: Nights, shards_here: dict[str, str], pool: DaskPool, tmp_path: Path
) -> None:
    nights.changes["pool"] = pool
    reports = nights.run("candidates", "score")
    assert digests(nights, -1) == shards_here
    assert len(shards_here) > 20
    notes = [note for report in reports.values() for note in report.notes]
    assert sum(note.startswith("shards by worker: tcp://") for note in notes) == 2
    assert [
        path.name for path in (tmp_path / "shared" / "nightjar-r1").rglob("*.parquet") if "pieces" not in path.parts
    ] == []


@pytest.fixture
def after_first(monkeypatch: pytest.MonkeyPatch, pool: DaskPool) -> Callable[[Callable[[], object]], None]:
    """after_first(act): do that when the first shard of the next stage is there and others are on their way."""

    def arrange(act: Callable[[], object]) -> None:
        take, todo = pool.take, [act]

        def wrapped(done: object, target: Path) -> None:
            take(done, target)  # type: ignore[arg-type]
            if todo:
                todo.pop()()

        monkeypatch.setattr(pool, "take", wrapped)

    return arrange


def test_one_worker_is_killed_and_another_joins_late(
    nights: Nights,
    shards_here: dict[str, str],
    pool: DaskPool,
    cluster: Cluster,
    after_first: Callable[[Callable[[], object]], None],
) -> None:
    """Nothing is missing, nothing is twice, and the newcomer gets work."""
    doomed, stays = list(cluster.workers)

    def change_hands() -> None:
        cluster.kill(doomed)
        cluster.add_worker()

    nights.changes["pool"] = pool
    after_first(change_hands)
    notes = nights.run("candidates")["candidates"].notes
    found = digests(nights, -1)
    assert len(found) > 12
    assert {name: shards_here[name] for name in found} == found
    assert stays in cluster.workers
    assert len(cluster.workers) == pool.n_threads == 2
    [told] = [note for note in notes if note.startswith("shards by worker")]
    ports = {address.rsplit(":", 1)[1] for address in pool.addresses()}
    assert all(f":{port} " in told for port in ports)


def test_worker_of_other_code_is_sent_away_and_named(
    pool: DaskPool, client: distributed.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {**describe_code(), "polars": "0.1"}
    assert run_part({"code": other}) == {"refused": f"polars is {describe_code()['polars']}, not 0.1"}
    sent_away: list[str] = []
    monkeypatch.setattr("tasks.sharding.dask_pool.describe_code", lambda: other)
    monkeypatch.setattr(client, "retire_workers", lambda workers, **_: sent_away.extend(workers))
    monkeypatch.setattr(client, "nthreads", dict)
    with pytest.raises(StepError, match=r"no worker can be used: worker tcp://.*: polars is .*, not 0\.1"):
        DaskPool(client, shared=str(tmp_path / "other"), run_id="r2", owner="tests").__enter__()
    assert len(sent_away) == 2


def test_worker_that_sees_another_folder_is_sent_away(tmp_path: Path) -> None:
    elsewhere = {"shared": str(tmp_path / "elsewhere"), "name": "probe", "sha256": "0"}
    assert "'probe' is not in the shared folder" in check_in(elsewhere)["trouble"]
    order = {
        "code": describe_code(),
        "shared": elsewhere["shared"],
        "kit": ("run/kits/k.json", "0"),
        "part": ("p", "0"),
    }
    assert "'run/kits/k.json' is not in the shared folder" in run_part(order)["refused"]


def test_without_workers_the_stage_says_what_to_start(
    client: distributed.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_args: object, **_named: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(client, "wait_for_workers", nobody)
    with pytest.raises(TransientError, match="no worker is connected to the Dask scheduler after 1 s; start workers"):
        DaskPool(client, shared=str(tmp_path / "s"), run_id="r3", owner="tests", worker_wait_s=1).__enter__()


def test_what_a_dead_run_left_is_swept_and_what_others_have_stays(client: distributed.Client, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    for run, owner in [("nightjar-dead", "tests"), ("nightjar-other", "somebody else")]:
        (shared / run).mkdir(parents=True)
        (shared / run / "owner.json").write_text(json.dumps({"owner": owner}))
    (shared / "mine").mkdir()
    with DaskPool(client, shared=str(shared), run_id="r4", owner="tests"):
        assert sorted(path.name for path in shared.iterdir()) == ["mine", "nightjar-other", "nightjar-r4"]
    assert sorted(path.name for path in shared.iterdir()) == ["mine", "nightjar-other"]


def test_settings_open_the_pool_through_prefects_runner(cluster: Cluster, tmp_path: Path) -> None:
    scale = ScaleSection(dask_address=cluster.address, shared=str(tmp_path / "shared"))
    assert current_pool() is None
    with open_pool(scale, run_id="r5", owner="tests"):
        found = current_pool()
        assert found is not None
        assert found.n_threads == 2
    assert current_pool() is None


def test_scheduler_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.workers.CONNECT_SECONDS", 1)
    scale = ScaleSection(dask_address="tcp://127.0.0.1:1", shared=str(tmp_path))
    said = r"no Dask scheduler answers at scale.dask_address = 'tcp://127.0.0.1:1'"
    with pytest.raises(ConfigError, match=said), open_pool(scale, run_id="r6", owner="tests"):
        raise AssertionError("there is none")


def test_address_needs_a_shared_folder() -> None:
    with pytest.raises(ValueError, match=r"scale\.shared is not; name the folder or the URL"):
        ScaleSection(dask_address="tcp://127.0.0.1:8786")
