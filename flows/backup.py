"""backup and restore at the command line: what is in, what is out, and what to do next."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from flows.console import out
from flows.stage import code_version
from tasks.backup import Backup, check_backup, make_backup, restore_backup
from tasks.runs import hold_lock


def print_backup(folder: Path, file: Path | None, *, has_published: bool) -> None:
    """Write a backup, by default into the current folder, and say what it holds. Raises LockedError during a run."""
    target = file or Path(f"nightjar-{datetime.now(UTC):%Y%m%dT%H%M%S}.tar")
    clock = time.monotonic()
    with hold_lock(folder):
        backup = make_backup(folder, target, has_published=has_published, code_version=code_version())
    out.print(f"backup of {folder} in {target}: {_describe(backup)}; read again and whole", markup=False)
    out.print(f"not in it: {_left_out(backup)}", markup=False, style="dim")
    seconds = time.monotonic() - clock
    out.print(f"{seconds:.1f} s; to put it back: nightjar --warehouse FOLDER restore {target}", markup=False)


def print_backup_check(file: Path) -> None:
    """Read a backup and say that it is whole. Raises ArchiveError that says what is not."""
    backup = check_backup(file)
    out.print(f"backup {file} is whole: {_describe(backup)}, made {backup.made_at}", markup=False)


def print_restore(file: Path, folder: Path) -> None:
    """Put a backup into an empty folder, and say what is to be done before the next night."""
    with hold_lock(folder):
        backup, missing = restore_backup(file, folder)
    out.print(f"restored into {folder}: {_describe(backup)}, made {backup.made_at}", markup=False)
    for name in missing:
        out.print(
            f"catalog file {name} is not on this machine: name it anew with --catalog in the next run", markup=False
        )
    out.print("next: nightjar status, nightjar verify, nightjar plan", markup=False)


def _describe(backup: Backup) -> str:
    return f"{backup.n_files} files, {backup.n_bytes / 1e6:.1f} MB, by Nightjar {backup.code_version}"


def _left_out(backup: Backup) -> str:
    return f"{', '.join(backup.left_out)}, old shards; and what lies elsewhere: nightjar.toml, .env, catalog files and sources"
