"""Publishes a run: all of it or nothing, whenever the process dies.

Tables are written to `<published>/.staging-<id>/`, read again and checked, moved to `<table>/v1/run=<id>/`, and the
manifest to `runs/<id>/`; only then is `latest.json` replaced. What a dead process left is swept at the next start: a
staging folder, or tables without a manifest. One process publishes at a time (the run lock).
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from warehouse.clock import utc_now
from warehouse.errors import PublicationError
from warehouse.publication.files import PublishedFile, write_table
from warehouse.publication.manifest import (
    Publication,
    RunFacts,
    build_manifest,
    manifest_path,
    read_manifest,
    table_folder,
)
from warehouse.publication.older import OlderTable, convert_files, due_older
from warehouse.publication.pointer import (
    extend_history,
    list_publications,
    read_history,
    resolve_latest,
    write_pointer,
)
from warehouse.publication.retention import STAGING, due_to_retire, retire, sweep_publications
from warehouse.publication.tables import TABLES, Table
from warehouse.publication.verify import verify
from warehouse.shards import sync_file, sync_folder

MIN_KEEP = 2
Check = Callable[[Publication], RunFacts]


class FileWriter(Protocol):
    """Makes the files of a table elsewhere, the same as write_table would, and holds their rows to the contract."""

    def write(
        self, table: Table, *, root: Path, folder: str, stem: str, catalog: str, metadata: Mapping[str, str]
    ) -> list[PublishedFile]:
        """The files, below root. Raises PublicationError."""
        ...


@dataclass(frozen=True)
class TableRows:
    """The rows of one table for one catalog, as frames in any order; read once, when their turn comes.

    is_ordered: they come in the order of the table's sorted_by, so that nobody need sort them. writer: who makes the files
    instead of us; the frames are then not read.
    """

    table: str
    catalog: str
    frames: Iterable[pl.DataFrame]
    is_ordered: bool = False
    writer: FileWriter | None = None


def publish(
    published: Path,
    rows: Iterable[TableRows],
    *,
    facts: RunFacts,
    keep: int = 7,
    keep_hours: float = 0.0,
    memory_limit_mb: int = 1024,
    check: Check | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> Publication:
    """Publish the rows as the latest, and retire what is older.

    check is given the publication as it lies in staging, written and verified, and returns the facts with what it found;
    what it raises stops the publication. The last `keep` publications (at least 2) stay, and each that was the latest
    within the last keep_hours. With facts.is_backfill it is kept beside the others, and the latest stays the latest.

    A run that is published again gets a folder of its own ("<run>.2"), unless its rows are the very same: then the
    publication that is there becomes the latest. Tables that are not given are published empty.
    Raises PublicationError, and leaves what was published before as it was.
    """
    if keep < MIN_KEEP:
        raise PublicationError(f"keep {keep} would cut off readers of the last publication; keep at least {MIN_KEEP}")
    sweep_publications(published)
    before = read_history(published)
    publication_id = _next_id(published, facts.run_id)
    staging = published / f"{STAGING}{publication_id}"
    try:
        draft = _Draft(staging, publication_id, facts, memory_limit_mb).write(rows, check)
        publication = _find_same(published, draft) or _move(draft, published)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    if not facts.is_backfill:
        at = clock()
        history = extend_history(before, publication, at=at)
        old = due_to_retire(published, history, keep=keep, keep_hours=keep_hours, at=at)
        write_pointer(publication, history, forgotten={one.publication_id for one in old})
        retire(old)
    return publication


def verify_publication(published: Path, publication_id: str | None = None) -> Publication:
    """Read a publication again, the latest unless named, and check all of it. Raises PublicationError."""
    publication = resolve_latest(published) if publication_id is None else read_manifest(published, publication_id)
    verify(publication)
    return publication


class _Draft:
    """A publication while it is written to its staging folder."""

    def __init__(self, staging: Path, publication_id: str, facts: RunFacts, memory_limit_mb: int) -> None:
        self._staging = staging
        self._id = publication_id
        self._facts = facts
        self._memory_limit_mb = memory_limit_mb
        self._licences = {catalog.name: catalog.licence for catalog in facts.catalogs}
        self._files: dict[str, list[PublishedFile]] = {table: [] for table in TABLES}
        self._older: list[tuple[OlderTable, list[PublishedFile]]] = []
        self._checked: set[str] = set()

    def write(self, rows: Iterable[TableRows], check: Check | None) -> Publication:
        """Write the tables, verify them, and add what the check finds to the manifest."""
        self._staging.mkdir(parents=True)
        due = {(table, catalog) for table in TABLES for catalog in self._licences}
        for given in rows:
            if (given.table, given.catalog) not in due:
                raise PublicationError(
                    f"rows of table {given.table!r} for catalog {given.catalog!r} are given twice or are not part of run "
                    f"{self._facts.run_id!r}; tables are {', '.join(TABLES)}, catalogs {', '.join(self._licences)}"
                )
            due.remove((given.table, given.catalog))
            self._files[given.table] += self._write_given(given)
        for table, catalog in sorted(due):
            self._files[table] += self._write_rows(TABLES[table], catalog, ())
        self._write_older()
        draft = self._write_manifest(self._facts)
        verify(draft, checked=self._checked)
        return draft if check is None else self._write_manifest(check(draft))

    def _write_given(self, given: TableRows) -> list[PublishedFile]:
        table = TABLES[given.table]
        if given.writer is None:
            return self._write_rows(table, given.catalog, given.frames, is_ordered=given.is_ordered)
        written = given.writer.write(table, **self._place(table, given.catalog))
        # The sums of what lies here are checked as ever: the rows are those that the writer has looked at.
        self._checked.update(file.path for file in written)
        return written

    def _write_rows(
        self, table: Table, catalog: str, frames: Iterable[pl.DataFrame], *, is_ordered: bool = False
    ) -> list[PublishedFile]:
        place = self._place(table, catalog)
        return write_table(frames, table, **place, memory_limit_mb=self._memory_limit_mb, is_ordered=is_ordered)

    def _place(self, table: Table, catalog: str) -> dict[str, Any]:
        return {
            "root": self._staging,
            "folder": table_folder(table, self._id),
            # With the id in its name, a file read through `latest/` while that moves on is missing, never mixed in.
            "stem": f"{catalog}-{self._id}",
            "catalog": catalog,
            "metadata": {"nightjar.run": self._facts.run_id, "licence": self._licences[catalog]},
        }

    def _write_older(self) -> None:
        for name in TABLES:
            for older in due_older(name, self._facts.published_at.date()):
                written: list[PublishedFile] = []
                for catalog in self._licences:
                    files = [self._staging / file.path for file in self._files[name] if file.catalog == catalog]
                    written += self._write_rows(older.table, catalog, convert_files(files, older))
                self._older.append((older, written))

    def _write_manifest(self, facts: RunFacts) -> Publication:
        path = self._staging / manifest_path(self._id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(build_manifest(facts, self._id, self._files, older=self._older), encoding="utf-8")
        sync_file(path)
        return read_manifest(self._staging, self._id)


def _next_id(published: Path, run_id: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", run_id):
        raise PublicationError(f"run id {run_id!r} can't name a folder; use letters, digits, '.', '_' and '-'")
    number = 1
    while (published / "runs" / _attempt(run_id, number)).exists():
        number += 1
    return _attempt(run_id, number)


def _attempt(run_id: str, number: int) -> str:
    return run_id if number == 1 else f"{run_id}.{number}"


def _find_same(published: Path, draft: Publication) -> Publication | None:
    """A publication of the same run with the very same rows, if there is one that is whole."""
    for other in list_publications(published):
        if other.run_id == draft.run_id and _sums(other) == _sums(draft):
            with contextlib.suppress(PublicationError):
                verify(other)
                return other
    return None


def _sums(publication: Publication) -> list[tuple[str, str, str, str]]:
    return [
        (table.name, table.version_folder, file.catalog, file.sha256)
        for table in publication.all_tables()
        for file in table.files
    ]


def _move(draft: Publication, published: Path) -> Publication:
    staging, publication_id = draft.published, draft.publication_id
    folders = [table.folder for table in draft.all_tables()]
    _link_tables(staging / "runs" / publication_id, [draft.table(name).folder for name in draft.manifest["tables"]])
    # The manifest's folder goes last: tables without one are swept, so that a death in between leaves nothing.
    for folder in [*folders, f"runs/{publication_id}"]:
        target = published / folder
        target.parent.mkdir(parents=True, exist_ok=True)
        sync_folder(staging / folder)
        (staging / folder).rename(target)
        sync_folder(target.parent)
    return read_manifest(published, publication_id)


def _link_tables(folder: Path, tables: Sequence[str]) -> None:
    # Links are a convenience of `latest/`; where a file system has none, `latest.json` does without.
    with contextlib.suppress(OSError):
        for table in tables:
            (folder / table.split("/")[0]).symlink_to(f"../../{table}", target_is_directory=True)
