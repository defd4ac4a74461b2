"""publish, with addresses to copy to: they follow, and where one can't, nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.night import Nights
from warehouse.errors import PublicationError
from warehouse.publication import resolve_latest
from warehouse.publication.replicas import verify_replica


def test_publish_copies_to_every_address(finished: Nights, tmp_path: Path) -> None:
    addresses = (str(tmp_path / "one"), str(tmp_path / "two"))
    finished.run("score", "publish", publish_to=addresses)
    latest = resolve_latest(finished.folder / "published")
    for address in addresses:
        assert verify_replica(address).publication_id == latest.publication_id == "r002"


def test_address_that_can_not_follow_fails_the_stage_and_the_publication_stands(
    finished: Nights, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    with pytest.raises(PublicationError, match="publication 'r002' stands in .* 1 of 2 replicas could not follow"):
        finished.run("score", "publish", publish_to=(str(tmp_path / "file" / "x"), str(tmp_path / "two")))
    assert resolve_latest(finished.folder / "published").publication_id == "r002"
    assert verify_replica(str(tmp_path / "two")).publication_id == "r002"
