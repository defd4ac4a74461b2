"""Which days are published already, so that a backfill goes on where it ended. Reads manifests only."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from pathlib import Path

from warehouse.errors import PublicationError
from warehouse.publication import list_publications, resolve_latest


def published_days(folder: Path, catalogs: Collection[str]) -> dict[date, str]:
    """The id of a publication of each day that holds all of these catalogs, the newest of a day.

    A publication has a manifest only when all of its files lie in place, so a day that a killed process left is not here.
    """
    found: dict[date, str] = {}
    for publication in reversed(list_publications(folder / "published")):
        held = {catalog["name"] for catalog in publication.manifest["catalogs"]}
        if held >= set(catalogs):
            found[date.fromisoformat(publication.manifest["as_of"])] = publication.publication_id
    return found


def latest_day(folder: Path) -> date | None:
    """The day that `latest` shows; None where nothing is published."""
    try:
        return date.fromisoformat(resolve_latest(folder / "published").manifest["as_of"])
    except PublicationError:
        return None
