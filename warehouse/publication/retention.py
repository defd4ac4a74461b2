"""Which publications stay on disk, and how one goes: without its manifest first, so that no reader finds half of it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from warehouse.errors import PublicationError
from warehouse.publication.manifest import Publication, read_manifest
from warehouse.publication.pointer import (
    Stay,
    find_latest,
    list_publications,
    mend_link,
    read_history,
    write_pointer,
)
from warehouse.publication.tables import TABLES

STAGING = ".staging-"


def due_to_retire(
    published: Path, history: Sequence[Stay], *, keep: int, keep_hours: float, at: datetime
) -> list[Publication]:
    """The publications to remove: neither among the last `keep`, nor the latest within the last keep_hours.

    Publications of past days (backfills) don't count, and stay until they are removed by hand.
    """
    since = at - timedelta(hours=keep_hours)
    held = {stay.publication_id for stay in history if stay.until is None or stay.until > since}
    plain = [one for one in list_publications(published) if not one.is_backfill]
    return [one for one in plain[keep:] if one.publication_id not in held]


def retire(publications: Sequence[Publication]) -> None:
    """Remove publications; what a death in between leaves is swept by the next `sweep_publications`."""
    for one in publications:
        # Without its manifest it is no publication any more.
        shutil.rmtree(one.published / "runs" / one.publication_id)
        for table in one.all_tables():
            shutil.rmtree(one.published / table.folder, ignore_errors=True)


def remove_publication(published: Path, publication_id: str) -> Publication:
    """Remove one by hand, for example a past day's. Raises PublicationError for the latest, or if there is none such."""
    publication = read_manifest(published, publication_id)
    latest = find_latest(published)
    if latest is not None and latest.publication_id == publication_id:
        raise PublicationError(
            f"publication {publication_id!r} is the latest, which its readers need; run `nightjar rollback` first"
        )
    if latest is not None:
        write_pointer(latest, read_history(published), forgotten=[publication_id])
    retire([publication])
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
    mend_link(published)
    return [*staged, *orphans]
