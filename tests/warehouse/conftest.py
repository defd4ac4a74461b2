"""Fixtures for replicas: four published nights, addresses in a folder and on an S3 server, and no time lost in waiting."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from published import facts, rows_of_all_tables
from replica_reader import Night

from warehouse.publication import places as places_module
from warehouse.publication import publish


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The URL of a server that speaks S3."""
    from tests.s3_server import run_s3

    with run_s3() as url:
        yield url


@pytest.fixture(params=["folder", "s3"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a replica goes: a folder, then a bucket."""
    if request.param == "folder":
        return str(tmp_path / "replica")
    request.getfixturevalue("s3")
    return f"s3://lists/{tmp_path.name}/nightjar"


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A folder where a replica goes."""
    return str(tmp_path / "replica")


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The published folder after each of four nights; the last two publications are kept."""
    folder = tmp_path_factory.mktemp("nights")
    for number in range(4):
        run_id = f"r{number}"
        publish(folder / "now", rows_of_all_tables(mark=run_id), facts=facts(run_id, night=number), keep=2)
        shutil.copytree(folder / "now", folder / run_id, symlinks=True)
    return [folder / f"r{number}" for number in range(4)]


@pytest.fixture
def published(tmp_path: Path, nights: list[Path]) -> Path:
    """As it is after the first night."""
    shutil.copytree(nights[0], tmp_path / "published", symlinks=True)
    return tmp_path / "published"


@pytest.fixture
def night(published: Path, nights: list[Path]) -> Night:
    """Puts the published folder into the state after a night."""

    def pass_night(number: int) -> None:
        shutil.rmtree(published)
        shutil.copytree(nights[number], published, symlinks=True)

    return pass_night


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another try comes at once."""
    monkeypatch.setattr(places_module.time, "sleep", lambda _: None)


@pytest.fixture
def one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making a client takes longer than all that it is asked here; tests of the environment want one of their own."""
    monkeypatch.setitem(places_module.UNCACHED, "skip_instance_cache", False)
