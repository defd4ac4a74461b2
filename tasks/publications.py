"""What is done with publications between nights: list them, roll back, remove one.

Reads and writes `published/`; a rollback is put on record in `latest_publications`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from tasks.contracts.errors import ConfigError
from warehouse.connection import DATABASE, open_warehouse
from warehouse.errors import PublicationError
from warehouse.publication import (
    Publication,
    Stay,
    find_faults,
    list_publications,
    point_latest,
    read_history,
    read_publication,
    record_history,
    remove_publication,
)

LISTED = pl.Schema({
    "publication": pl.String(), "as_of": pl.Date(), "published_at": pl.Datetime("us"), "rows": pl.Int64(), "mb": pl.Float64(),
    "failed": pl.Int64(), "warned": pl.Int64(), "standing": pl.String(), "since": pl.Datetime("us"), "until": pl.Datetime("us"),
})  # fmt: skip


@dataclass(frozen=True)
class RolledBack:
    """What a rollback did: the publication that is the latest now, and the id of the one that was (None: unreadable)."""

    publication: Publication
    previous_id: str | None


def list_published(folder: Path) -> pl.DataFrame:
    """One row a publication on disk, newest first; since and until tell its last stay as the latest, naive UTC.

    failed and warned count the gates' results in its manifest; standing is latest, kept, backfill or damaged.
    """
    published = folder / "published"
    stays: dict[str, Stay] = {}
    for stay in read_history(published):
        stays.setdefault(stay.publication_id, stay)
    rows = [_describe(one, stays.get(one.publication_id)) for one in list_publications(published)]
    readable = {row["publication"] for row in rows}
    on_disk = sorted(path.parent.name for path in published.glob("runs/*/manifest.json"))
    rows += [{"publication": name, "standing": "damaged"} for name in on_disk if name not in readable]
    return pl.DataFrame(rows, schema=LISTED)


def roll_back(folder: Path, publication_id: str | None = None) -> RolledBack:
    """Make an earlier publication the latest: the one named, else the last one published before the latest.

    The caller holds the run lock. Reads the publication again before the pointer moves. Raises PublicationError if it is
    retired or broken, ConfigError if it is the latest already.
    """
    published = folder / "published"
    history = read_history(published)
    latest_id = history[0].publication_id if history and history[0].until is None else None
    if publication_id is not None and publication_id == latest_id:
        raise ConfigError(
            f"publication {publication_id!r} is the latest already; `nightjar publications` lists the others"
        )
    chosen = (
        _find_earlier(published, latest_id) if publication_id is None else read_publication(published, publication_id)
    )
    for fault in find_faults(chosen):
        raise PublicationError(
            f"publication {chosen.publication_id!r} is broken, so that nothing was changed: {fault.message}."
            " Name another one: `nightjar publications` lists them"
        )
    point_latest(chosen, reason="rolled back")
    if (folder / DATABASE).exists():
        with open_warehouse(folder) as warehouse:
            record_history(warehouse, published)
    return RolledBack(chosen, latest_id)


def remove_published(folder: Path, publication_id: str) -> Publication:
    """Remove a publication that is not the latest. The caller holds the run lock. Raises PublicationError."""
    return remove_publication(folder / "published", publication_id)


def _find_earlier(published: Path, latest_id: str | None) -> Publication:
    plain = [one for one in list_publications(published) if not one.is_backfill]
    shown = [one for one in plain if one.publication_id == latest_id]
    earlier = [
        one for one in plain
        if one.publication_id != latest_id and (not shown or one.published_at <= shown[0].published_at)
    ]  # fmt: skip
    if not earlier:
        raise PublicationError(
            f"no publication in {str(published)!r} is older than {latest_id!r}, so that there is nothing to roll back to; "
            "`nightjar publications` lists them"
        )
    return earlier[0]


def _describe(one: Publication, stay: Stay | None) -> dict[str, Any]:
    is_latest = stay is not None and stay.until is None
    return {
        "publication": one.publication_id,
        "as_of": one.as_of,
        "published_at": one.published_at,
        "rows": one.n_rows,
        "mb": round(one.n_bytes / 1e6, 1),
        "failed": _count_gates(one.manifest, "critical"),
        "warned": _count_gates(one.manifest, "warning"),
        "standing": "latest" if is_latest else "backfill" if one.is_backfill else "kept",
        "since": _to_seconds(stay.since if stay else None),
        "until": _to_seconds(stay.until if stay else None),
    }


def _count_gates(manifest: Mapping[str, Any], severity: str) -> int:
    return sum(gate.get("severity") == severity and not gate.get("is_success", True) for gate in manifest["gates"])


def _to_seconds(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(microsecond=0)
