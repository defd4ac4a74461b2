"""Replicas: readers elsewhere see whole runs too, what is there is not sent again, and nothing of theirs is touched."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from published import facts, rows_of_all_tables
from replica_reader import Night, list_files, read_reasons

from warehouse.errors import PublicationError
from warehouse.publication import TABLES, point_latest, publish
from warehouse.publication.manifest import read_manifest
from warehouse.publication.places import open_place
from warehouse.publication.replicas import read_replica, replicate, verify_replica

pytestmark = pytest.mark.usefixtures("no_waiting", "one_client")


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


def test_files_of_a_run_that_never_came_are_swept(published: Path, folder: str) -> None:
    place = open_place(folder)
    place.replace("recommendations/v1/run=dead/news-dead-00000.parquet", b"half")
    place.replace("runs/dead/.manifest.json", b"half")
    replicate(published, [folder])
    assert not [path for path in list_files(folder) if "dead" in path]


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
