"""The pointer `latest.json`: which publication is the latest, and since when each of the kept ones was.

Replaced in one step, so that a reader sees the pointer and its history as they were at one instant. The link `latest`
follows it and is a convenience for people.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from warehouse.clock import utc_now
from warehouse.errors import PublicationError
from warehouse.publication.manifest import FORMAT_VERSION, Publication, manifest_path, read_manifest
from warehouse.shards import sync_file, sync_folder

LATEST = "latest.json"
Reason = Literal["published", "rolled back"]


@dataclass(frozen=True)
class Stay:
    """A time during which a publication was the latest, naive UTC; until is None while it is."""

    publication_id: str
    run_id: str
    since: datetime
    until: datetime | None
    reason: Reason = "published"


@dataclass(frozen=True)
class Confirmation:
    """A run that found the latest publication to hold for its day too, so that it published nothing; at is naive UTC."""

    run_id: str
    as_of: date
    at: datetime


def resolve_latest(published: Path) -> Publication:
    """The publication that `latest.json` names now. Raises PublicationError if there is none."""
    content = _read_pointer(published)
    publication = read_manifest(published, str(content["publication"]))
    if publication.manifest_sha256 != content.get("manifest_sha256"):
        raise PublicationError(f"the manifest of {content['publication']!r} has changed since; publish again")
    return publication


def find_latest(published: Path) -> Publication | None:
    """The same, or None where nothing is published or what is can't be read."""
    with contextlib.suppress(PublicationError):
        return resolve_latest(published)
    return None


def list_publications(published: Path) -> list[Publication]:
    """All publications whose manifest can be read, newest first."""
    found = []
    for path in published.glob("runs/*/manifest.json"):
        # A damaged one must not stand in the way of the next; `verify_publication` says what is wrong with it.
        with contextlib.suppress(PublicationError):
            found.append(read_manifest(published, path.parent.name))
    return sorted(found, key=lambda one: (one.published_at, one.publication_id), reverse=True)


def read_history(published: Path) -> list[Stay]:
    """The stays of the kept publications as the latest, newest first; the first one's until is None.

    Where the pointer is absent, damaged or older than its history, what the manifests say takes its place.
    """
    latest = ""
    with contextlib.suppress(PublicationError):
        content = _read_pointer(published)
        latest = str(content["publication"])
        return _read_stays(content)
    known = [one for one in list_publications(published) if not one.is_backfill]
    known.sort(key=lambda one: one.publication_id != latest)
    newest = max((one.published_at for one in known), default=None)
    return [
        Stay(one.publication_id, one.run_id, one.published_at, None if one.publication_id == latest else newest)
        for one in known
    ]


def extend_history(
    history: Sequence[Stay], publication: Publication, *, at: datetime, reason: Reason = "published"
) -> list[Stay]:
    """The history once the publication is the latest from `at` on; the same history if it is already."""
    if history and history[0].until is None and history[0].publication_id == publication.publication_id:
        return list(history)
    ended = [replace(stay, until=at) if stay.until is None else stay for stay in history]
    return [Stay(publication.publication_id, publication.run_id, at, None, reason), *ended]


def point_latest(publication: Publication, *, at: datetime | None = None, reason: Reason = "published") -> None:
    """Make it the latest for every reader, in one step; at is naive UTC (now)."""
    history = read_history(publication.published)
    write_pointer(publication, extend_history(history, publication, at=at or utc_now(), reason=reason))


def confirm_pointer(publication: Publication, confirmation: Confirmation) -> None:
    """Say in the pointer that the publication, which is the latest, holds for another run's day."""
    write_pointer(publication, read_history(publication.published), confirmation=confirmation)


def confirmed_as_of(published: Path) -> date:
    """The last day for which the latest publication is known to hold. Raises PublicationError if there is none."""
    content = _read_pointer(published)
    return date.fromisoformat(content.get("confirmed", content)["as_of"])


def write_pointer(
    publication: Publication,
    history: Sequence[Stay],
    *,
    forgotten: Collection[str] = (),
    confirmation: Confirmation | None = None,
) -> None:
    """Replace `latest.json`; the stays of forgotten publications are left out of its history.

    Without a confirmation the publication's own run is what confirms it.
    """
    published = publication.published
    kept = [stay for stay in history if stay.publication_id not in forgotten]
    fresh = published / f".{LATEST}"
    content = _build_pointer(publication, kept, confirmation)
    fresh.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    sync_file(fresh)
    os.replace(fresh, published / LATEST)
    sync_folder(published)
    _link_latest(published, publication.publication_id)


def mend_link(published: Path) -> None:
    """Let the link `latest` follow the pointer again, if a process died between the two."""
    with contextlib.suppress(PublicationError):
        _link_latest(published, str(_read_pointer(published)["publication"]))


def _build_pointer(
    publication: Publication, history: Sequence[Stay], confirmation: Confirmation | None
) -> dict[str, Any]:
    of = confirmation or Confirmation(publication.run_id, publication.as_of, publication.published_at)
    older = {
        name: {one.version_folder: f"{one.folder}/*.parquet" for one in found}
        for name in publication.manifest["tables"]
        if (found := publication.older_tables(name))
    }
    return {
        "format_version": FORMAT_VERSION,
        "publication": publication.publication_id,
        "run": publication.run_id,
        "as_of": publication.manifest["as_of"],
        "published_at": publication.manifest["published_at"],
        "since": _write_time(history[0].since),
        "confirmed": {"run": of.run_id, "as_of": of.as_of.isoformat(), "at": of.at.isoformat(timespec="seconds") + "Z"},
        "schema_version": publication.schema_version,
        "manifest": manifest_path(publication.publication_id),
        "manifest_sha256": publication.manifest_sha256,
        "tables": {name: f"{publication.table(name).folder}/*.parquet" for name in publication.manifest["tables"]},
        **({"older_tables": older} if older else {}),
        "history": [_write_stay(stay) for stay in history],
    }


def _read_pointer(published: Path) -> dict[str, Any]:
    pointer = published / LATEST
    try:
        content = dict(json.loads(pointer.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise PublicationError(f"nothing is published in {str(published)!r} yet; run `nightjar publish`") from error
    except (ValueError, TypeError) as error:
        raise PublicationError(f"the pointer {str(pointer)!r} is not JSON ({error}); publish again") from error
    if "publication" not in content:
        raise PublicationError(f"the pointer {str(pointer)!r} names no publication; publish again")
    return content


def _write_stay(stay: Stay) -> dict[str, str | None]:
    until = None if stay.until is None else _write_time(stay.until)
    return {
        "publication": stay.publication_id, "run": stay.run_id, "since": _write_time(stay.since), "until": until,
        "reason": stay.reason,
    }  # fmt: skip


def _read_stays(content: dict[str, Any]) -> list[Stay]:
    try:
        return [
            Stay(
                entry["publication"],
                entry["run"],
                _read_time(entry["since"]),
                None if entry["until"] is None else _read_time(entry["until"]),
                entry["reason"],
            )
            for entry in content["history"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise PublicationError(f"the pointer's history can't be read ({error!r}); publish again") from error


def _write_time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds") + "Z"


def _read_time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)


def _link_latest(published: Path, publication_id: str) -> None:
    # Where a file system has no links, `latest.json` does without.
    fresh = published / ".latest"
    with contextlib.suppress(OSError):
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(f"runs/{publication_id}", target_is_directory=True)
        os.replace(fresh, published / "latest")
