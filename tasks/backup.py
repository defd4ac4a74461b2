"""A warehouse into one file and back. Reads and writes the warehouse's folder; the caller holds its run lock.

All of the folder is taken in, so that nothing is forgotten that a later version adds, but what is of use to nobody
elsewhere: LEFT_OUT, half-written files, and shards that no stage reads any more. Time O(bytes), memory O(one block).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.contracts.errors import StepError
from warehouse.archive import Archive, Source, check_archive, unpack_archive, write_archive
from warehouse.clock import utc_now
from warehouse.connection import DATABASE, open_warehouse
from warehouse.copies import copy_replies, newer_migrations, still_database
from warehouse.errors import ArchiveError, WarehouseError
from warehouse.replies import REPLIES
from warehouse.shards import sync_folder

LOCK = "run.lock"
PUBLISHED, RUNS = "published", "runs"
LEFT_OUT = (LOCK, "tmp", "prefect")
"""The lock, DuckDB's scratch space, and Prefect's own records, which are the server's to back up."""
RESTORING = ".restoring"
_HALF_WRITTEN = (".partial", ".staging-", ".latest", RESTORING)
SPARE_BYTES = 64 << 20


@dataclass(frozen=True)
class Backup:
    """A backup in one file; n_bytes unpacked. made_at is UTC in ISO form, left_out says what is not in it."""

    file: Path
    n_files: int
    n_bytes: int
    made_at: str
    code_version: str
    left_out: tuple[str, ...]


def make_backup(folder: Path, file: Path, *, has_published: bool, code_version: str) -> Backup:
    """Write the warehouse in `folder` into `file`, and read it again.

    Raises ArchiveError if `file` is there, lies inside the folder, or the disk is too full; WarehouseError if there is no
    warehouse or another process has it open.
    """
    if file.resolve().is_relative_to(folder.resolve()):
        raise ArchiveError(f"{str(file)!r} lies inside the warehouse that it is to hold; name a file elsewhere")
    if not file.parent.is_dir():
        raise ArchiveError(f"there is no folder {str(file.parent)!r}; make it, or name a file elsewhere")
    kept_runs = _needed_runs(folder)
    with (
        tempfile.TemporaryDirectory(prefix=".nightjar-backup-", dir=file.parent) as scratch,
        still_database(folder) as (database, migrations),
    ):
        replies = Path(scratch) / REPLIES
        _need_space(file.parent, _size(folder / REPLIES), what="backup")
        has_replies = copy_replies(folder, replies)
        sources = [Source(DATABASE, database), *([Source(REPLIES, replies)] if has_replies else [])]
        sources += _walk(folder, has_published=has_published, kept_runs=kept_runs)
        _need_space(file.parent, sum(_size(source.path) for source in sources), what="backup")
        facts = {
            "made_at": f"{utc_now():%Y-%m-%dT%H:%M:%SZ}",
            "code_version": code_version,
            "migrations": migrations,
            "left_out": [*LEFT_OUT, *([] if has_published else [PUBLISHED])],
        }
        archive = write_archive(file, sources, facts=facts)
    return _describe(file, archive)


def check_backup(file: Path) -> Backup:
    """Read a backup and hold it to its checksums. Raises ArchiveError that says what is wrong with it."""
    return _describe(file, check_archive(file))


def restore_backup(file: Path, folder: Path) -> tuple[Backup, list[str]]:
    """Put a backup into `folder`, which must be empty; the backup, and the catalog files that this machine does not have.

    Nothing lies in its place before every checksum was right. Raises ArchiveError, and leaves the folder as it was.
    """
    _refuse_used(folder)
    if file.exists():
        _need_space(folder, file.stat().st_size, what="restored warehouse")
    staging = folder / RESTORING
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    try:
        archive = unpack_archive(file, staging)
        newer = newer_migrations(dict(archive.facts["migrations"]))
        if newer:
            raise ArchiveError(
                f"the backup {str(file)!r} was made by Nightjar {archive.facts['code_version']}, which knows migration"
                f" {newer[0]!r}; restore it with that version or a newer one"
            )
        missing = _missing_catalogs(staging)
        # The database goes last: a folder without it is no warehouse.
        for path in sorted(staging.iterdir(), key=lambda path: (path.name == DATABASE, path.name)):
            path.rename(folder / path.name)
        sync_folder(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return _describe(file, archive), missing


def _needed_runs(folder: Path) -> Collection[str] | None:
    """Runs whose shards some stage would read; None where the warehouse is older than the question: all."""
    try:
        with open_warehouse(folder, read_only=True) as warehouse:
            return set(warehouse.query("queries/runs_to_keep", n_runs=0)["run_id"].to_list())
    except WarehouseError:
        return None


def _walk(folder: Path, *, has_published: bool, kept_runs: Collection[str] | None) -> Iterator[Source]:
    """The files and links of the folder by name, but the databases and what is left out."""
    apart = {*LEFT_OUT, DATABASE, f"{DATABASE}.wal", *(f"{REPLIES}{ending}" for ending in ("", "-wal", "-shm"))}
    if not has_published:
        apart.add(PUBLISHED)
    for top in sorted(folder.iterdir()):
        if top.name in apart or _is_half_written(top.name):
            continue
        if not top.is_dir():
            yield Source(top.name, top)
            continue
        # A part of the warehouse may lie on another disk, behind a link: what is meant is what lies there.
        for place, folders, files in os.walk(top):
            here = Path(place)
            if top.name == RUNS and here == top and kept_runs is not None:
                folders[:] = [name for name in folders if name in kept_runs]
            folders[:] = sorted(name for name in folders if not _is_half_written(name))
            links = [name for name in folders if (here / name).is_symlink()]
            for name in sorted([*files, *links]):
                if not _is_half_written(name):
                    yield Source((Path(top.name) / (here / name).relative_to(top)).as_posix(), here / name)


def _is_half_written(name: str) -> bool:
    return name.endswith(_HALF_WRITTEN[0]) or name.startswith(_HALF_WRITTEN[1:])


def _refuse_used(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    used = sorted(path.name for path in folder.iterdir() if path.name not in {*LEFT_OUT, RESTORING})
    if used:
        raise ArchiveError(
            f"{str(folder)!r} is not empty, it holds {used[0]!r}; restore into a folder of its own: --warehouse FOLDER"
        )


def _need_space(folder: Path, n_bytes: int, *, what: str) -> None:
    free = shutil.disk_usage(folder).free
    if free < n_bytes + SPARE_BYTES:
        raise StepError(
            f"the {what} takes {n_bytes / 1e6:.0f} MB, but {str(folder)!r} has {free / 1e6:.0f} MB left; free some space"
        )


def _size(path: Path) -> int:
    return path.lstat().st_size if path.exists() else 0


def _missing_catalogs(folder: Path) -> list[str]:
    with open_warehouse(folder, read_only=True) as warehouse:
        rows = warehouse.query("queries/known_catalogs").to_dicts()
    return [row["file"] for row in rows if not Path(row["file"]).exists()]


def _describe(file: Path, archive: Archive) -> Backup:
    facts: dict[str, Any] = dict(archive.facts)
    return Backup(
        file, len(archive.files), archive.n_bytes, facts["made_at"], facts["code_version"], tuple(facts["left_out"])
    )
