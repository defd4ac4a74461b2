"""Replicas: readers elsewhere see whole runs too, wherever the copying is cut off, and nothing of theirs is touched."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.parquet as pq
import pytest
from published import facts, rows_of_all_tables

from tests.s3_server import run_s3
from warehouse.errors import PublicationError
from warehouse.publication import TABLES, point_latest, publish, resolve_latest
from warehouse.publication import places as places_module
from warehouse.publication import replicas as replicas_module
from warehouse.publication.manifest import read_manifest
from warehouse.publication.places import Place, open_place
from warehouse.publication.replicas import read_replica, replicate, verify_replica

Night = Callable[[int], None]


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with run_s3() as url:
        yield url


@pytest.fixture(params=["folder", "s3"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "replica")
    request.getfixturevalue("s3")
    return f"s3://lists/{tmp_path.name}/nightjar"


@pytest.fixture
def folder(tmp_path: Path) -> str:
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


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places_module.time, "sleep", lambda _: None)


@pytest.fixture(autouse=True)
def _one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making a client takes longer than all that it is asked here; tests of the environment want one of their own."""
    monkeypatch.setitem(places_module.UNCACHED, "skip_instance_cache", False)


def read_reasons(address: str) -> set[str]:
    """As a consumer does it: latest.json once and in one request, and then only the paths of that run."""
    files, root = fsspec.core.url_to_fs(address, use_listings_cache=False)
    latest = json.loads(files.cat_file(f"{root}/latest.json"))
    reasons: list[str] = []
    for path in files.glob(f"{root}/{latest['tables']['recommendations']}"):
        with files.open(path, "rb") as file:
            reasons += pq.read_table(file, columns=["reason"])["reason"].to_pylist()
    assert len(reasons) == 12
    return set(reasons)


def list_files(address: str) -> set[str]:
    files, root = fsspec.core.url_to_fs(address, use_listings_cache=False)
    return {path[len(root.rstrip("/")) + 1 :] for path in files.find(root)}


def test_reader_finds_the_latest_run_through_the_pointer(published: Path, night: Night, address: str) -> None:
    [replica] = replicate(published, [address])
    assert (replica.publication_id, replica.n_files, replica.n_sent) == ("r0", len(TABLES), len(TABLES))
    assert read_reasons(address) == {"because r0"}
    night(1)
    replicate(published, [address])
    assert read_reasons(address) == {"because r1"}
    assert read_replica(address).publication_id == "r1"
    assert verify_replica(address, "r0").n_rows == verify_replica(address).n_rows == 18


def test_what_is_there_is_not_sent_again(published: Path, folder: str) -> None:
    replicate(published, [folder])
    [again] = replicate(published, [folder])
    assert (again.n_sent, again.bytes_sent) == (0, 0)
    assert f"{len(TABLES)} were there" in again.describe()


def test_rollback_moves_the_pointer_back_without_sending(published: Path, night: Night, address: str) -> None:
    replicate(published, [address])
    night(1)
    replicate(published, [address])
    point_latest(read_manifest(published, "r0"))
    [replica] = replicate(published, [address])
    assert (replica.publication_id, replica.n_sent) == ("r0", 0)
    assert read_reasons(address) == {"because r0"}


def test_retired_publications_go_there_too_and_nothing_of_others(published: Path, night: Night, address: str) -> None:
    place = open_place(address)
    strangers = ["README.txt", "recommendations/notes.txt", "runs/plan.json", "recommendations/v1/run=old/rows.csv"]
    for path in strangers:
        place.replace(path, b"not ours")
    for number in range(4):
        night(number)
        replicate(published, [address], keep=2)
    found = list_files(address)
    assert {path for path in found if path.endswith("manifest.json")} == {
        "runs/r2/manifest.json",
        "runs/r3/manifest.json",
    }
    assert {path for path in found if "run=r" in path} == {
        entry.path for run in ("r2", "r3") for table in TABLES for entry in read_manifest(published, run).entries(table)
    }
    assert set(strangers) <= found


def test_warehouse_that_begins_anew_cuts_no_reader_off(published: Path, night: Night, folder: str) -> None:
    for number in range(2):
        night(number)
        replicate(published, [folder], keep=2)
    shutil.rmtree(published)
    publish(published, rows_of_all_tables(), facts=facts("r2", night=2), keep=2)
    [replica] = replicate(published, [folder], keep=2)
    assert replica.retired == ("r0",)
    assert verify_replica(folder, "r1").publication_id == "r1"


class Death(BaseException):
    """What `kill -9` is to a process: nothing catches it."""


class Dying:
    """A place whose process dies at the n-th change: half of what is sent arrives."""

    def __init__(self, place: Place, dies_at: int) -> None:
        self.address = place.address
        self._place = place
        self._left = dies_at
        self.sizes, self.read, self.digest = place.sizes, place.read, place.digest

    def _step(self) -> bool:
        self._left -= 1
        return self._left > 0

    def send(self, source: Path, path: str) -> None:
        if not self._step():
            self._place.replace(path, source.read_bytes()[: source.stat().st_size // 2])
            raise Death
        self._place.send(source, path)

    def replace(self, path: str, content: bytes) -> None:
        if not self._step():
            raise Death
        self._place.replace(path, content)

    def remove(self, paths: list[str]) -> None:
        if not self._step():
            self._place.remove(paths[: len(paths) // 2])
            raise Death
        self._place.remove(paths)


def test_replica_shows_a_whole_run_wherever_the_sender_dies(published: Path, night: Night, address: str) -> None:
    for number in range(2):
        night(number)
        replicate(published, [address], keep=2)
    night(2)
    n_deaths = 0
    for n_tries, dies_at in enumerate(range(1, 100, 5 if address.startswith("s3:") else 1), start=1):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(
                replicas_module, "open_place", lambda one, n=dies_at, **_: Dying(open_place(one, pauses=()), n)
            )
            try:
                replicate(published, [address], keep=2)
            except Death:
                n_deaths += 1
        state = verify_replica(address)
        assert state.publication_id in {"r1", "r2"}
        assert read_reasons(address) == {f"because {state.publication_id}"}
        if n_deaths < n_tries:
            break
    # Sweep, seven files, manifest, pointer, and the two steps of retiring r0; what has arrived is not sent again.
    assert n_deaths >= 2
    assert state.publication_id == "r2"
    assert {path.split("/")[1] for path in list_files(address) if path.startswith("runs/")} == {"r1", "r2"}
    assert not [path for path in list_files(address) if "run=r0" in path]


def test_files_of_a_run_that_never_came_are_swept(published: Path, folder: str) -> None:
    place = open_place(folder)
    place.replace("recommendations/v1/run=dead/news-dead-00000.parquet", b"half")
    place.replace("runs/dead/.manifest.json", b"half")
    replicate(published, [folder])
    assert not [path for path in list_files(folder) if "dead" in path]


SENDER = """
import sys, time
from pathlib import Path
from warehouse.publication import places
from warehouse.publication.replicas import replicate

real = places.Store.send
def slow(self, source, path):
    time.sleep(0.3)
    real(self, source, path)
places.Store.send = slow
replicate(Path(sys.argv[1]), [sys.argv[2]])
"""


def test_killed_process_leaves_the_older_run_and_the_next_goes_on(published: Path, night: Night, s3: str) -> None:
    address = "s3://lists/killed"
    replicate(published, [address])
    night(1)
    sender = subprocess.Popen([sys.executable, "-c", SENDER, str(published), address], env={**os.environ})
    deadline = time.monotonic() + 60
    real_sleep = threading.Event().wait
    while len([path for path in list_files(address) if "run=r1" in path]) < 2:
        assert time.monotonic() < deadline
        assert sender.poll() is None
        real_sleep(0.05)
    sender.send_signal(signal.SIGKILL)
    assert sender.wait() == -signal.SIGKILL
    assert verify_replica(address).publication_id == "r0"
    [replica] = replicate(published, [address])
    assert 0 < replica.n_sent <= replica.n_files - 2
    assert verify_replica(address).publication_id == "r1"


def test_readers_of_a_replica_never_see_half_a_run(published: Path, night: Night, address: str) -> None:
    replicate(published, [address], keep=2)
    stop, seen = threading.Event(), []

    def read_on() -> None:
        while not stop.is_set():
            seen.append(read_reasons(address))

    reader = threading.Thread(target=read_on)
    reader.start()
    for number in range(1, 4):
        night(number)
        replicate(published, [address], keep=2)
    stop.set()
    reader.join()
    assert len(seen) > 5
    assert all(len(reasons) == 1 for reasons in seen)


def test_one_address_that_fails_does_not_hold_up_the_others(published: Path, folder: str, s3: str) -> None:
    with pytest.raises(
        PublicationError, match="publication 'r0' stands in .* 1 of 2 replicas could not follow"
    ) as caught:
        replicate(published, ["s3://no-such-bucket/nightjar", folder])
    assert "The specified bucket does not exist" in str(caught.value)
    assert "`nightjar replicate`" in str(caught.value)
    assert resolve_latest(published).publication_id == "r0"
    assert verify_replica(folder).publication_id == "r0"
    assert "bucket" in read_replica("s3://no-such-bucket/nightjar").problem
    # The wrong bucket has not been made on the way.
    assert fsspec.filesystem("s3", skip_instance_cache=True).ls("") == ["lists"]


def test_refused_credentials_are_told(published: Path, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from moto.core import set_initial_no_auth_action_count

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody-else")
    monkeypatch.setitem(places_module.UNCACHED, "skip_instance_cache", True)

    @set_initial_no_auth_action_count(0)  # the server looks at credentials from here on
    def send() -> None:
        replicate(published, ["s3://lists/refused"])

    with pytest.raises(PublicationError, match="check the credentials in the environment"):
        send()


def test_absent_server_is_told_and_nothing_is_lost(published: Path, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setitem(places_module.UNCACHED, "skip_instance_cache", True)
    with pytest.raises(PublicationError, match="Could not connect"):
        replicate(published, ["s3://lists/absent"])
    assert "Could not connect" in read_replica("s3://lists/absent").problem
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    replicate(published, ["s3://lists/absent"])
    assert read_replica("s3://lists/absent").publication_id == "r0"


def test_transient_errors_are_tried_again(
    published: Path, night: Night, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    real, calls = s3fs.S3FileSystem.put_file, []

    def stumble(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) % 3:
            raise ConnectionResetError("the line is bad")
        return real(*args, **kwargs)

    monkeypatch.setattr(s3fs.S3FileSystem, "put_file", stumble)
    monkeypatch.setitem(places_module.UNCACHED, "skip_instance_cache", True)
    replicate(published, ["s3://lists/stumbling"])
    assert len(calls) == 3 * len(TABLES)
    night(1)
    monkeypatch.setattr(s3fs.S3FileSystem, "put_file", lambda *_, **__: (_ for _ in ()).throw(OSError("line is dead")))
    with pytest.raises(PublicationError, match="line is dead"):
        replicate(published, ["s3://lists/stumbling"])
    assert verify_replica("s3://lists/stumbling").publication_id == "r0"


def test_file_that_arrives_damaged_is_sent_again_and_then_refused(
    published: Path, night: Night, folder: str, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        real, n_bad = places_module.Folder.send, 1

        def damage(self: Any, source: Path, path: str) -> None:
            nonlocal n_bad
            real(self, source, path)
            if n_bad > 0:
                n_bad -= 1
                (tmp_path / "replica" / path).write_bytes(b"PAR1 not what was sent")

        patched.setattr(places_module.Folder, "send", damage)
        replicate(published, [folder])
        assert verify_replica(folder).publication_id == "r0"
        n_bad = 2
        night(1)
        with pytest.raises(PublicationError, match="were sent, twice"):
            replicate(published, [folder])
    assert verify_replica(folder).publication_id == "r0"


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"!"), "has .* bytes and sha256"),
        (lambda path: path.with_name("extra.parquet").write_bytes(b""), "that the manifest does not list"),
    ],
)
def test_damage_at_a_replica_is_found(published: Path, folder: str, tmp_path: Path, harm: Any, said: str) -> None:
    replicate(published, [folder])
    harm(next((tmp_path / "replica").glob("recommendations/v1/run=r0/*.parquet")))
    with pytest.raises(PublicationError, match=said):
        verify_replica(folder)


def test_lost_file_comes_back_with_the_next_replication(published: Path, folder: str, tmp_path: Path) -> None:
    replicate(published, [folder])
    next((tmp_path / "replica").glob("recommendations/v1/run=r0/*.parquet")).unlink()
    [replica] = replicate(published, [folder])
    assert replica.n_sent == 1
    assert verify_replica(folder).publication_id == "r0"


def test_manifest_that_the_pointer_does_not_name_is_refused(published: Path, folder: str, tmp_path: Path) -> None:
    replicate(published, [folder])
    manifest = tmp_path / "replica/runs/r0/manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace("CC0-1.0", "mine"), encoding="utf-8")
    with pytest.raises(PublicationError, match="is not the one that latest.json names"):
        verify_replica(folder)
    with pytest.raises(PublicationError, match="another publication of the name 'r0'"):
        replicate(published, [folder])


def test_other_schemes_of_fsspec_work(published: Path) -> None:
    replicate(published, ["memory://anywhere"])
    assert read_reasons("memory://anywhere") == {"because r0"}


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nosuch://x/y", "neither a folder nor a URL that fsspec knows"),
        ("sftp://me:secret@host/x", "sftp://host/x holds a password"),
        ("{published}/copies", "lie in one another"),
        ("{published}", "lie in one another"),
    ],
)
def test_address_that_can_be_none_is_refused(published: Path, address: str, said: str) -> None:
    with pytest.raises(PublicationError, match=said) as caught:
        replicate(published, [address.format(published=published)])
    assert "secret" not in str(caught.value)


def test_absent_package_is_told_with_its_mend(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    with pytest.raises(PublicationError, match=r'pip install "nightjar\[s3\]"'):
        replicate(published, ["s3://lists/x"])


def test_empty_address_shows_nothing(tmp_path: Path) -> None:
    assert read_replica(str(tmp_path)).problem == ""
    assert "nothing is published there yet" in read_replica(str(tmp_path)).describe()
    with pytest.raises(PublicationError, match="nothing is published at"):
        verify_replica(str(tmp_path))
    with pytest.raises(PublicationError, match="there is no publication 'r9'"):
        verify_replica(str(tmp_path), "r9")


def test_no_address_reads_nothing(published: Path) -> None:
    assert replicate(published, []) == []
    assert replicate(published / "nowhere", []) == []
