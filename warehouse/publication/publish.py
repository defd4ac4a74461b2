"""Publishes a run: all of it or nothing, whenever the process dies.

Tables are written to `<published>/.staging-<id>/`, read again and checked, moved to `<table>/v1/run=<id>/`, and the
manifest to `runs/<id>/`; only then is `latest.json` replaced. What a dead process left is swept at the next start: a
staging folder, or tables without a manifest. One process publishes at a time (the run lock).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

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
from warehouse.publication.tables import TABLES
from warehouse.publication.verify import verify
from warehouse.shards import sync_file, sync_folder

STAGING = ".staging-"
LATEST = "latest.json"
MIN_KEEP = 2


@dataclass(frozen=True)
class TableRows:
    """The rows of one table for one catalog, as frames in any order; read once, when their turn comes."""

    table: str
    catalog: str
    frames: Iterable[pl.DataFrame]


def publish(
    published: Path, rows: Iterable[TableRows], *, facts: RunFacts, keep: int = 7, memory_limit_mb: int = 1024
) -> Publication:
    """Publish the rows as the latest, and retire all but the last `keep` publications (at least 2).

    A run that is published again gets a folder of its own ("<run>.2"), unless its rows are the very same: then the
    publication that is there becomes the latest. Tables that are not given are published empty.
    Raises PublicationError, and leaves what was published before as it was.
    """
    if keep < MIN_KEEP:
        raise PublicationError(f"keep {keep} would cut off readers of the last publication; keep at least {MIN_KEEP}")
    sweep_publications(published)
    publication_id = _next_id(published, facts.run_id)
    staging = published / f"{STAGING}{publication_id}"
    try:
        draft = _stage(staging, rows, facts, publication_id, memory_limit_mb)
        verify(draft)
        publication = _find_same(published, draft) or _move(draft, published)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    point_latest(publication)
    _retire(published, keep, publication.publication_id)
    return publication


def point_latest(publication: Publication) -> None:
    """Make it the latest for every reader, in one step."""
    published = publication.published
    content = {
        "publication": publication.publication_id,
        "run": publication.run_id,
        "as_of": publication.manifest["as_of"],
        "published_at": publication.manifest["published_at"],
        "schema_version": publication.manifest["schema_version"],
        "manifest": manifest_path(publication.publication_id),
        "manifest_sha256": publication.manifest_sha256,
        "tables": {
            name: f"{table['folder']}/*.parquet" for name, table in publication.manifest["tables"].items()
        },
    }  # fmt: skip
    fresh = published / f".{LATEST}"
    fresh.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    sync_file(fresh)
    os.replace(fresh, published / LATEST)
    sync_folder(published)
    _link_latest(published, publication.publication_id)


def resolve_latest(published: Path) -> Publication:
    """The publication that `latest.json` names now. Raises PublicationError if there is none."""
    content = _read_pointer(published)
    publication = read_manifest(published, content["publication"])
    if publication.manifest_sha256 != content["manifest_sha256"]:
        raise PublicationError(f"the manifest of {content['publication']!r} has changed since; publish again")
    return publication


def list_publications(published: Path) -> list[Publication]:
    """All publications whose manifest can be read, newest first."""
    found = []
    for path in published.glob("runs/*/manifest.json"):
        # A damaged one must not stand in the way of the next; `verify_publication` says what is wrong with it.
        with contextlib.suppress(PublicationError):
            found.append(read_manifest(published, path.parent.name))
    return sorted(found, key=lambda one: (one.published_at, one.publication_id), reverse=True)


def verify_publication(published: Path, publication_id: str | None = None) -> Publication:
    """Read a publication again, the latest unless named, and check all of it. Raises PublicationError."""
    publication = resolve_latest(published) if publication_id is None else read_manifest(published, publication_id)
    verify(publication)
    return publication


def sweep_publications(published: Path) -> list[Path]:
    """Remove what a dead process left: staging folders and tables without a manifest; the folders removed."""
    published.mkdir(parents=True, exist_ok=True)
    complete = {path.parent.name for path in published.glob("runs/*/manifest.json")}
    staged = sorted(published.glob(f"{STAGING}*"))
    tables = [folder for table in TABLES for folder in sorted(published.glob(f"{table}/v*/run=*"))]
    orphans = [
        folder
        for folder in [*tables, *sorted(published.glob("runs/*"))]
        if folder.name.removeprefix("run=") not in complete
    ]
    for folder in [*staged, *orphans]:
        shutil.rmtree(folder)
    with contextlib.suppress(PublicationError):
        _link_latest(published, _read_pointer(published)["publication"])
    return [*staged, *orphans]


def _read_pointer(published: Path) -> dict[str, str]:
    pointer = published / LATEST
    try:
        return dict(json.loads(pointer.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise PublicationError(f"nothing is published in {str(published)!r} yet; run `nightjar publish`") from error
    except ValueError as error:
        raise PublicationError(f"the pointer {str(pointer)!r} is not JSON ({error}); publish again") from error


def _stage(
    staging: Path, rows: Iterable[TableRows], facts: RunFacts, publication_id: str, memory_limit_mb: int
) -> Publication:
    licences = {catalog.name: catalog.licence for catalog in facts.catalogs}
    due = {(table, catalog) for table in TABLES for catalog in licences}
    files: dict[str, list[PublishedFile]] = {table: [] for table in TABLES}
    staging.mkdir(parents=True)

    def write(given: TableRows) -> None:
        if (given.table, given.catalog) not in due:
            raise PublicationError(
                f"rows of table {given.table!r} for catalog {given.catalog!r} are given twice or are not part of run "
                f"{facts.run_id!r}; tables are {', '.join(TABLES)}, catalogs {', '.join(licences)}"
            )
        due.remove((given.table, given.catalog))
        files[given.table] += write_table(
            given.frames, TABLES[given.table], root=staging, folder=table_folder(TABLES[given.table], publication_id),
            # With the id in its name, a file read through `latest/` while that moves on is missing, never mixed in.
            stem=f"{given.catalog}-{publication_id}", catalog=given.catalog, memory_limit_mb=memory_limit_mb,
            metadata={"nightjar.run": facts.run_id, "licence": licences[given.catalog]},
        )  # fmt: skip

    for given in rows:
        write(given)
    for table, catalog in sorted(due):
        write(TableRows(table=table, catalog=catalog, frames=()))
    path = staging / manifest_path(publication_id)
    path.parent.mkdir(parents=True)
    path.write_text(build_manifest(facts, publication_id, files), encoding="utf-8")
    sync_file(path)
    return read_manifest(staging, publication_id)


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


def _sums(publication: Publication) -> list[tuple[str, str, str]]:
    return [(table, entry.catalog, entry.sha256) for table in TABLES for entry in publication.entries(table)]


def _move(draft: Publication, published: Path) -> Publication:
    staging, publication_id = draft.published, draft.publication_id
    folders = [table_folder(table, publication_id) for table in TABLES.values()]
    _link_tables(staging / "runs" / publication_id, folders)
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


def _link_latest(published: Path, publication_id: str) -> None:
    fresh = published / ".latest"
    with contextlib.suppress(OSError):
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(f"runs/{publication_id}", target_is_directory=True)
        os.replace(fresh, published / "latest")


def _retire(published: Path, keep: int, latest: str) -> None:
    for old in list_publications(published)[keep:]:
        if old.publication_id != latest:
            # Without its manifest it is no publication any more; if we die here, the next sweep removes the rest.
            shutil.rmtree(published / "runs" / old.publication_id)
            for table in TABLES.values():
                shutil.rmtree(published / table_folder(table, old.publication_id), ignore_errors=True)
