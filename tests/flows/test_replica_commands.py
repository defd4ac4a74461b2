"""`publish_to` on the command line: replicate, verify --at, publications, rollback, and addresses that can't be."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path

import pytest

from flows.settings import load_settings
from tasks.contracts.errors import ConfigError
from tests.flows.conftest import Nightjar
from warehouse.publication import CatalogFacts, RunFacts, publish


@pytest.fixture
def replica(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the warehouse copies to; the warehouse has one publication, without rows."""
    monkeypatch.setenv("NIGHTJAR_PUBLISH_TO", json.dumps([str(tmp_path / "replica")]))
    publish_night(tmp_path, 1)
    return tmp_path / "replica"


def publish_night(folder: Path, night: int) -> None:
    facts = RunFacts(
        f"r{night}", as_of=date(2026, 11, night), published_at=datetime(2026, 11, night, 3), code_version="t",
        catalogs=[CatalogFacts("news", "News", "CC0-1.0", "readers")],
    )  # fmt: skip
    publish(folder / "warehouse/published", [], facts=facts)


def latest(folder: Path) -> str:
    return str(json.loads((folder / "latest.json").read_text(encoding="utf-8"))["publication"])


def test_replicate_brings_a_new_address_up_to_date(nightjar: Nightjar, replica: Path) -> None:
    before = nightjar("publications")
    assert f"{replica}: nothing is published there yet; run `nightjar replicate`" in before.out
    sent = nightjar("replicate")
    assert (sent.code, latest(replica)) == (0, "r1")
    assert f"{replica} shows publication r1" in sent.out
    assert f"{replica}: shows r1" in nightjar("publications").out
    assert "publication r1 at" in nightjar("verify", "--at", replica).out


def test_rollback_takes_the_replica_with_it(nightjar: Nightjar, replica: Path, tmp_path: Path) -> None:
    publish_night(tmp_path, 2)
    assert nightjar("replicate").code == 0
    assert latest(replica) == "r2"
    assert nightjar("rollback").code == 0
    assert latest(replica) == "r1"


def test_damaged_replica_is_told_with_its_mend(nightjar: Nightjar, replica: Path) -> None:
    nightjar("replicate")
    next(replica.glob("labels/v1/run=r1/*.parquet")).write_bytes(b"PAR1")
    found = nightjar("verify", "--at", replica)
    assert found.code == 1
    assert "Remove it there and run `nightjar replicate`" in found.err


def test_address_that_can_not_be_reached_fails_and_says_what_stands(
    nightjar: Nightjar, replica: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTJAR_PUBLISH_TO", json.dumps(["/proc/none/x", str(replica)]))
    failed = nightjar("replicate")
    assert failed.code == 1
    assert "publication 'r1' stands in" in failed.err
    assert "1 of 2 replicas could not follow" in failed.err
    assert latest(replica) == "r1"


def test_replicate_without_an_address_says_which_setting(nightjar: Nightjar) -> None:
    refused = nightjar("replicate")
    assert refused.code == 2
    assert "the setting publish_to is empty" in refused.err


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (" ", "publish_to has an empty address"),
        ("s3:///prefix", "names no bucket"),
        ("sftp://me:hush@host/x", r"publish_to \(sftp://host/x\) holds a password"),
    ],
)
def test_address_that_can_be_none_is_refused(address: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTJAR_PUBLISH_TO", json.dumps([address]))
    with pytest.raises(ConfigError, match=said) as caught:
        load_settings()
    assert "hush" not in str(caught.value)
