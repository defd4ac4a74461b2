"""Replicas when things go wrong: wherever the copying is cut off, readers see a whole run, and what is damaged is found."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import fsspec
import pytest
from replica_reader import Night, list_files, read_reasons

from warehouse.errors import PublicationError
from warehouse.publication import TABLES, resolve_latest
from warehouse.publication import places as places_module
from warehouse.publication import replicas as replicas_module
from warehouse.publication.places import Place, open_place
from warehouse.publication.replicas import read_replica, replicate, verify_replica

pytestmark = pytest.mark.usefixtures("no_waiting", "one_client")


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
