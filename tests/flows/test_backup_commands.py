"""backup and restore at the command line: what they print, and what they refuse."""

from __future__ import annotations

from pathlib import Path

from tests.flows.conftest import Nightjar
from tests.night import Nights, SmallCatalog
from warehouse.lock import hold_run_lock


def test_backup_is_made_checked_and_restored(
    nightjar: Nightjar, nights: Nights, catalog: SmallCatalog, tmp_path: Path
) -> None:
    nights.run("ingest")
    made = nightjar("backup", "b.tar")
    assert (made.code, made.err) == (0, "")
    assert "in b.tar: " in made.out
    assert "not in it: run.lock, tmp, prefect, old shards" in made.out
    assert "backup b.tar is whole" in nightjar("backup", "--check", "b.tar").out
    catalog.file.unlink()
    restored = nightjar("--warehouse", tmp_path / "again", "restore", "b.tar", warehouse=False)
    assert (restored.code, restored.err) == (0, "")
    assert f"catalog file {catalog.file} is not on this machine" in restored.out
    assert "r001" in nightjar("--warehouse", tmp_path / "again", "status", warehouse=False).out
    again = nightjar("--warehouse", tmp_path / "again", "restore", "b.tar", warehouse=False)
    assert again.code == 1
    assert "is not empty, it holds" in again.err


def test_backup_has_a_name_of_its_own_if_none_is_given(nightjar: Nightjar, nights: Nights, tmp_path: Path) -> None:
    nights.run("ingest")
    assert nightjar("backup").code == 0
    assert len(list(tmp_path.glob("nightjar-2*T*.tar"))) == 1


def test_backup_is_refused_while_a_run_works(nightjar: Nightjar, nights: Nights, tmp_path: Path) -> None:
    nights.run("ingest")
    with hold_run_lock(nights.folder):
        refused = nightjar("backup", "b.tar")
    assert refused.code == 1
    assert "is in use by process" in refused.err
    assert not (tmp_path / "b.tar").exists()


def test_check_wants_a_file(nightjar: Nightjar) -> None:
    refused = nightjar("backup", "--check")
    assert refused.code == 2
    assert "--check wants a file" in refused.err


def test_without_a_warehouse_there_is_nothing_to_back_up(nightjar: Nightjar) -> None:
    refused = nightjar("backup", "b.tar")
    assert refused.code == 1
    assert "nothing to back up" in refused.err
