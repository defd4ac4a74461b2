"""Backup and restore: what is in, what is refused, and that the next night costs nothing."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

import tasks.backup
import warehouse.archive
from tasks.backup import check_backup, make_backup, restore_backup
from tasks.contracts.errors import StepError
from tests.night import Nights
from warehouse.archive import MANIFEST
from warehouse.connection import DATABASE, open_warehouse
from warehouse.errors import ArchiveError, WarehouseError
from warehouse.publication import verify_publication
from warehouse.replies import StoredRow, open_replies

KEY = "ab" * 32


@pytest.fixture
def backup(finished: Nights, tmp_path: Path) -> Path:
    """A backup of a finished night with a paid reply."""
    with open_replies(finished.folder) as replies:
        replies.put("topics", [(KEY, StoredRow("sport", "m", 1, 1, 0))])
    file = tmp_path / "backup.tar"
    make_backup(finished.folder, file, has_published=True, code_version="1.0")
    return file


def names_in(file: Path) -> set[str]:
    with tarfile.open(file) as tar:
        return set(tar.getnames())


def rewrite(file: Path, change: Callable[[tarfile.TarInfo, bytes], list[tuple[tarfile.TarInfo, bytes]]]) -> None:
    """Write the archive anew, with each member as `change` wants it."""
    with tarfile.open(file) as old:
        members = [(one, (old.extractfile(one).read() if one.isreg() else b"")) for one in old.getmembers()]  # type: ignore[union-attr]
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as fresh:
        for member, content in members:
            for changed, written in change(member, content):
                changed.size = len(written)
                fresh.addfile(changed, io.BytesIO(written))


def test_restored_warehouse_is_the_same_and_the_next_night_costs_nothing(
    finished: Nights, backup: Path, tmp_path: Path
) -> None:
    restored, missing = restore_backup(backup, tmp_path / "restored")
    assert missing == []
    assert restored.code_version == "1.0"
    again = Nights(tmp_path / "restored", finished.catalogs, n_runs=finished.n_runs)
    for table in finished.column("select table_name from duckdb_tables() order by 1"):
        assert again.table(table) == finished.table(table), table
    assert verify_publication(again.folder / "published").run_id == "r001"
    assert (again.folder / "published/latest").readlink() == (finished.folder / "published/latest").readlink()
    with open_replies(again.folder) as replies:
        assert replies.get([KEY])[KEY].text == "sport"
    reports = again.run()
    assert [reports[stage].rows_in for stage in ("enrich", "embed", "topics", "similar", "judge")] == [0] * 5
    assert verify_publication(again.folder / "published").run_id == "r002"


def test_backup_holds_what_is_needed_and_no_more(finished: Nights, tmp_path: Path) -> None:
    for place in ("prefect/prefect.db", "tmp/spill", "runs/r000/news/scored/shard-00000.parquet", "runs/r001/news/scored.partial/x",
                  "published/.staging-r9/x", "models/news/x.json.partial", "reports/r001.html"):  # fmt: skip
        (finished.folder / place).parent.mkdir(parents=True, exist_ok=True)
        (finished.folder / place).write_text("x", encoding="utf-8")
    file = tmp_path / "backup.tar"
    made = make_backup(finished.folder, file, has_published=True, code_version="1.0")
    names = names_in(file)
    assert {DATABASE, "published/latest.json", "reports/r001.html", "runs/r001/news/scored/shard-00000.parquet"} < names
    assert not [
        name for name in names if name.startswith(("prefect", "tmp", "run.lock", "runs/r000", "published/.staging"))
    ]
    assert not [name for name in names if ".partial" in name]
    assert made.left_out == ("run.lock", "tmp", "prefect")
    assert list(tmp_path.glob(".nightjar-backup-*")) == []


def test_backup_without_published_restores_a_warehouse_that_publishes_again(finished: Nights, tmp_path: Path) -> None:
    file = tmp_path / "small.tar"
    make_backup(finished.folder, file, has_published=False, code_version="1.0")
    assert not [name for name in names_in(file) if name.startswith("published")]
    restore_backup(file, tmp_path / "restored")
    again = Nights(tmp_path / "restored", finished.catalogs, n_runs=1)
    again.run("publish")
    assert verify_publication(again.folder / "published").run_id == "r002"


def test_backup_takes_in_what_a_killed_run_had_committed_last(finished: Nights, tmp_path: Path) -> None:
    """Its rows are in the write-ahead log only."""
    killed = tmp_path / "killed"
    with open_warehouse(finished.folder) as warehouse:
        warehouse.connection.execute("set checkpoint_threshold = '1GB'; update runs set message = 'from the log'")
        shutil.copytree(finished.folder, killed, symlinks=True)
    assert (killed / f"{DATABASE}.wal").exists()
    make_backup(killed, tmp_path / "backup.tar", has_published=False, code_version="1.0")
    restore_backup(tmp_path / "backup.tar", tmp_path / "restored")
    assert Nights(tmp_path / "restored", []).value("select message from runs") == "from the log"


def test_backup_leaves_the_schema_as_the_old_version_left_it(finished: Nights, tmp_path: Path) -> None:
    with open_warehouse(finished.folder) as warehouse:
        warehouse.connection.execute("delete from schema_migrations where name > '0011'")
    before = finished.rows("select name from schema_migrations order by 1")
    make_backup(finished.folder, tmp_path / "backup.tar", has_published=False, code_version="0.9")
    assert finished.rows("select name from schema_migrations order by 1") == before


def test_damaged_backup_is_refused_and_the_folder_stays_empty(backup: Path, tmp_path: Path) -> None:
    with backup.open("r+b") as file:
        file.seek(200_000)
        file.write(b"damage")
    with pytest.raises(ArchiveError, match="is damaged: .* has changed; take another backup"):
        check_backup(backup)
    with pytest.raises(ArchiveError, match="is damaged"):
        restore_backup(backup, tmp_path / "restored")
    assert list((tmp_path / "restored").iterdir()) == []


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_backup_that_was_cut_short_is_refused(backup: Path, share: float) -> None:
    os.truncate(backup, int(backup.stat().st_size * share))
    with pytest.raises(ArchiveError, match="can't be read|ends before its manifest"):
        check_backup(backup)


def test_backup_with_a_file_too_many_or_too_few_is_refused(backup: Path, tmp_path: Path) -> None:
    copy = shutil.copy(backup, tmp_path / "copy.tar")
    rewrite(backup, lambda member, content: [] if member.name == "published/latest.json" else [(member, content)])
    with pytest.raises(ArchiveError, match="'published/latest.json' is not in it"):
        check_backup(backup)
    rewrite(
        copy,
        lambda member, content: [
            (member, content),
            *([(tarfile.TarInfo("more.txt"), b"x")] if member.name == DATABASE else []),
        ],
    )
    with pytest.raises(ArchiveError, match="'more.txt' is not listed"):
        check_backup(copy)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../out.txt", tarfile.REGTYPE),
        ("/tmp/out.txt", tarfile.REGTYPE),
        ("link", tarfile.SYMTYPE),
        ("device", tarfile.CHRTYPE),
    ],
)
def test_path_that_climbs_out_is_refused(backup: Path, tmp_path: Path, name: str, kind: bytes) -> None:
    evil = tarfile.TarInfo(name)
    evil.type = kind
    evil.linkname = "../../outside" if kind == tarfile.SYMTYPE else ""
    rewrite(backup, lambda member, content: [*([(evil, b"")] if member.name == MANIFEST else []), (member, content)])
    with pytest.raises(ArchiveError, match="is refused"):
        restore_backup(backup, tmp_path / "deep" / "restored")
    assert not list(tmp_path.rglob("out.txt"))
    assert list((tmp_path / "deep" / "restored").iterdir()) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"format": "other"}, "is no backup of Nightjar"),
        ({"version": 99}, "has version 99, this Nightjar reads up to 1"),
        ({"facts": {"code_version": "9.0", "migrations": {"0099_future": "0"}}}, "made by Nightjar 9.0, which knows migration '0099_future'"),
    ],
)  # fmt: skip
def test_backup_of_another_time_is_refused(
    backup: Path, tmp_path: Path, change: dict[str, object], problem: str
) -> None:
    def put(member: tarfile.TarInfo, content: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
        if member.name != MANIFEST:
            return [(member, content)]
        manifest = json.loads(content)
        facts = {**manifest["facts"], **change.get("facts", {})}  # type: ignore[dict-item]
        return [(member, json.dumps({**manifest, **change, "facts": facts}).encode())]

    rewrite(backup, put)
    with pytest.raises(ArchiveError, match=problem):
        restore_backup(backup, tmp_path / "restored")
    assert list((tmp_path / "restored").iterdir()) == []


def test_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.tar").write_text("not a tar", encoding="utf-8")
    with pytest.raises(ArchiveError, match="can't be read"):
        check_backup(tmp_path / "notes.tar")
    with pytest.raises(ArchiveError, match="there is no file"):
        check_backup(tmp_path / "absent.tar")


def test_restore_wants_an_empty_folder_and_backup_a_file_of_its_own(
    finished: Nights, backup: Path, tmp_path: Path
) -> None:
    with pytest.raises(ArchiveError, match="is not empty, it holds 'data_docs'|is not empty, it holds"):
        restore_backup(backup, finished.folder)
    with pytest.raises(ArchiveError, match="is there already"):
        make_backup(finished.folder, backup, has_published=True, code_version="1.0")
    with pytest.raises(ArchiveError, match="lies inside the warehouse"):
        make_backup(finished.folder, finished.folder / "b.tar", has_published=True, code_version="1.0")
    with pytest.raises(WarehouseError, match="nothing to back up"):
        make_backup(tmp_path / "nowhere", tmp_path / "b.tar", has_published=True, code_version="1.0")


def test_full_disk_is_told_before_anything_is_written(
    finished: Nights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1_000_000})()
    monkeypatch.setattr(tasks.backup.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StepError, match=r"the backup takes .* MB, but .* has 1 MB left"):
        make_backup(finished.folder, tmp_path / "b.tar", has_published=True, code_version="1.0")
    assert not (tmp_path / "b.tar").exists()


def test_backup_that_dies_leaves_no_file_of_that_name(
    finished: Nights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(warehouse.archive, "sync_file", die)
    with pytest.raises(KeyboardInterrupt):
        make_backup(finished.folder, tmp_path / "b.tar", has_published=True, code_version="1.0")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(("b.tar", ".nightjar"))] == []


def test_half_of_an_earlier_restore_is_swept(backup: Path, tmp_path: Path) -> None:
    target = tmp_path / "restored"
    (target / ".restoring/published").mkdir(parents=True)
    (target / ".restoring/published/half").write_text("x", encoding="utf-8")
    restore_backup(backup, target)
    assert not (target / ".restoring").exists()
    assert not (target / "published/half").exists()
