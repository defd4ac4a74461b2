"""A real scheduler and two real workers, processes of their own on loopback, once for all tests of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import distributed
import pytest

from benchmarks.dask_cluster import Cluster
from tasks.sharding.dask_pool import DaskPool
from tests.fake_embedder import HashingEmbedder
from tests.night import Nights, SmallCatalog, plug_embedder

LABELING = ("ingest", "embed", "topics", "similar", "judge")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers; a test that takes one away brings one back."""
    with Cluster(tmp_path_factory.mktemp("cluster")) as made:
        made.add_worker(wait=False)
        made.add_worker()
        yield made


@pytest.fixture
def client(cluster: Cluster) -> Iterator[distributed.Client]:
    with distributed.Client(cluster.address, set_as_default=False) as made:
        made.wait_for_workers(2, timeout=60)
        yield made


@pytest.fixture
def pool(client: distributed.Client, tmp_path: Path) -> Iterator[DaskPool]:
    """A pool over the cluster, with a shared folder of its own."""
    with DaskPool(client, shared=str(tmp_path / "shared"), run_id="r1", owner="tests", worker_wait_s=30) as made:
        yield made


@pytest.fixture(scope="session")
def labeled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse whose items are labeled, and nothing is retrieved yet."""
    folder = tmp_path_factory.mktemp("labeled")
    with pytest.MonkeyPatch.context() as patched:
        plug_embedder(patched, HashingEmbedder())
        Nights(folder, [SmallCatalog(tmp_path_factory.mktemp("catalog"))]).run(*LABELING)
    return folder


@pytest.fixture
def nights(labeled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nights:
    """Nights that go on from there; three users a shard."""
    plug_embedder(monkeypatch, HashingEmbedder())
    shutil.copytree(labeled, tmp_path / "warehouse", symlinks=True)
    return Nights(tmp_path / "warehouse", [SmallCatalog(tmp_path / "catalog")], changes={"shard_users": 3}, n_runs=1)
