"""Copies the latest publication to other addresses, verifies it there, and only then moves their pointers.

The warehouse's own `published/` is the original, made and checked before this begins. An address gets the data files under
their final names, each read back and compared; then the manifest; then `latest.json`, in one step. So a reader there sees a
whole run or the one before it, wherever this is cut off, and the next replication goes on: what is there with the right
checksum is not sent again, and what no manifest names is swept. Nothing is touched but `latest.json`, `runs/<id>/manifest.json` and
the Parquet files of the known tables. One warehouse an address. Time O(bytes sent), memory some 100 MB.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warehouse.errors import PublicationError
from warehouse.publication.manifest import FORMAT, Publication, manifest_path
from warehouse.publication.places import Place, open_place
from warehouse.publication.pointer import LATEST, resolve_latest
from warehouse.publication.tables import TABLES

OURS = re.compile(
    r"runs/(?P<run>[^/]+)/\.?manifest\.json"
    rf"|(?:{'|'.join(TABLES)})/v\d+/run=(?P<rows>[^/]+)/\.?[^/]+\.parquet"
)
"""The files that are ours at an address; with a dot before the name, what a dead process left half written."""


@dataclass(frozen=True)
class Replica:
    """What was done at one address: files of the publication, how many of them were sent, and what was removed."""

    address: str
    publication_id: str
    n_files: int
    n_sent: int
    bytes_sent: int
    retired: tuple[str, ...] = ()

    def describe(self) -> str:
        """One line for the operator."""
        kept = self.n_files - self.n_sent
        there = f", {kept} were there" if kept else ""
        gone = f"; retired {', '.join(self.retired)}" if self.retired else ""
        return (
            f"{self.address} shows publication {self.publication_id}:"
            f" {self.n_sent} files sent ({self.bytes_sent / 1e6:.1f} MB){there}{gone}"
        )


@dataclass(frozen=True)
class ReplicaState:
    """What an address shows: a publication with its time (as its manifest writes it), nothing yet, or what is wrong there."""

    address: str
    publication_id: str = ""
    published_at: str = ""
    n_files: int = 0
    n_rows: int = 0
    problem: str = ""

    def describe(self) -> str:
        """One line for the operator, with the address."""
        if self.problem:
            return self.problem
        if not self.publication_id:
            return f"{self.address}: nothing is published there yet; run `nightjar replicate`"
        return f"{self.address}: shows {self.publication_id}, published {self.published_at}"


def replicate(published: Path, addresses: Sequence[str], *, keep: int = 7) -> list[Replica]:
    """Make every address show what the folder `published` shows, and retire there what was retired here.

    An address keeps the newest `keep` of its own besides, so that a warehouse that begins anew cuts nobody off.
    All addresses are tried; then PublicationError says which of them failed. They still show what they had shown.
    """
    if not addresses:
        return []
    publication = resolve_latest(published)
    done, failed = [], []
    for address in dict.fromkeys(addresses):
        try:
            done.append(_replicate_to(_open_foreign(address, published), publication, keep))
        except PublicationError as error:
            failed.append(str(error))
    if failed:
        raise PublicationError(
            f"publication {publication.publication_id!r} stands in {str(published)!r}, but {len(failed)} of"
            f" {len(done) + len(failed)} replicas could not follow and show what they had: {'; '.join(failed)}."
            " Run `nightjar replicate` to go on from there"
        )
    return done


def read_replica(address: str) -> ReplicaState:
    """What the pointer of an address names now; never raises, for one broken address must not hide the others."""
    try:
        place = open_place(address, pauses=())
        if place.read(LATEST) is None:
            return ReplicaState(place.address)
        return _describe_state(place, _read_publication(place, None))
    except PublicationError as error:
        return ReplicaState(address, problem=str(error))


def verify_replica(address: str, publication_id: str | None = None) -> ReplicaState:
    """Read a publication at an address again, the latest unless named, and compare it with its manifest.

    Equal checksums mean the very bytes that were checked before they were published. Raises PublicationError.
    """
    place = open_place(address)
    manifest = _read_publication(place, publication_id)
    entries = _entries(manifest)
    sizes = place.sizes(sorted({entry["path"].rsplit("/", 1)[0] for entry in entries}))
    if extra := sorted(path for path in sizes.keys() - {entry["path"] for entry in entries} if OURS.fullmatch(path)):
        raise PublicationError(f"{address} has file {extra[0]!r} that the manifest does not list; remove it there")
    for entry in entries:
        actual = place.digest(entry["path"]) if entry["path"] in sizes else None
        if actual != (entry["bytes"], entry["sha256"]):
            seen = "is missing" if actual is None else f"has {actual[0]} bytes and sha256 {actual[1][:12]}…"
            raise PublicationError(
                f"{address}: file {entry['path']!r} {seen}; the manifest says {entry['bytes']} bytes and"
                f" {entry['sha256'][:12]}…. Remove it there and run `nightjar replicate`"
            )
    return _describe_state(place, manifest)


def _open_foreign(address: str, published: Path) -> Place:
    place = open_place(address)
    if "://" not in place.address:
        there, here = Path(place.address).resolve(), published.resolve()
        if there == here or there in here.parents or here in there.parents:
            raise PublicationError(
                f"the replica {address!r} and the warehouse's own {str(published)!r} lie in one another; choose another folder"
            )
    return place


def _replicate_to(place: Place, publication: Publication, keep: int) -> Replica:
    there = _sweep(place, publication.publication_id)
    files = _entries(publication.manifest)
    path = manifest_path(publication.publication_id)
    manifest = place.read(path)
    if manifest is not None and hashlib.sha256(manifest).hexdigest() != publication.manifest_sha256:
        raise PublicationError(
            f"{place.address} holds another publication of the name {publication.publication_id!r}; it is left as it is."
            " Give each warehouse an address of its own, or remove the other one there"
        )
    n_sent = bytes_sent = 0
    for entry in files:
        name, wanted = entry["path"], (entry["bytes"], entry["sha256"])
        # A file is read again unless its manifest lies there: that is written when all files have been.
        if there.get(name) == entry["bytes"] and (manifest is not None or place.digest(name) == wanted):
            continue
        _send(place, publication.published, name, wanted)
        n_sent, bytes_sent = n_sent + 1, bytes_sent + entry["bytes"]
    if manifest is None:
        place.replace(path, (publication.published / path).read_bytes())
    there |= {path: 0} | {entry["path"]: entry["bytes"] for entry in files}
    pointer = (publication.published / LATEST).read_bytes()
    if place.read(LATEST) != pointer:
        place.replace(LATEST, pointer)
    retired = _retire(
        place, there, keep, {one.parent.name for one in publication.published.glob("runs/*/manifest.json")}
    )
    return Replica(place.address, publication.publication_id, len(files), n_sent, bytes_sent, tuple(retired))


def _send(place: Place, published: Path, path: str, wanted: tuple[int, str]) -> None:
    for _ in range(2):
        place.send(published / path, path)
        actual = place.digest(path)
        if actual == wanted:
            return
    raise PublicationError(
        f"{place.address} gives {actual[0]} bytes and sha256 {actual[1][:12]}… for {path!r}, where {wanted[0]} and"
        f" {wanted[1][:12]}… were sent, twice; run `nightjar verify`, then look at what lies between"
    )


def _publication_of(path: str) -> str:
    found = OURS.fullmatch(path)
    return "" if found is None else found["run"] or found["rows"]


def _complete(paths: Iterable[str]) -> set[str]:
    """Ids whose manifest is there."""
    return {_publication_of(path) for path in paths if path == manifest_path(_publication_of(path))}


def _sweep(place: Place, coming: str) -> dict[str, int]:
    """Remove files without a manifest, but for those of the publication that comes; bytes by path of what stays."""
    sizes = place.sizes(["runs", *TABLES])
    there = {path: size for path, size in sizes.items() if OURS.fullmatch(path)}
    whole = _complete(there) | {coming}
    orphans = [path for path in there if _publication_of(path) not in whole]
    place.remove(orphans)
    return {path: there[path] for path in there.keys() - set(orphans)}


def _retire(place: Place, there: Collection[str], keep: int, kept_here: Collection[str]) -> list[str]:
    whole = _complete(there)
    if len(whole) <= keep:
        return []
    ages: dict[str, str] = {}
    for one in whole:
        # A damaged manifest says no age: `nightjar verify --at` names what is wrong, and a person decides.
        with suppress(PublicationError):
            ages[one] = str(_read_manifest(place, one)["published_at"])
    newest_first = sorted(ages, key=lambda one: (ages[one], one), reverse=True)
    old = [one for one in newest_first[keep:] if one not in kept_here]
    for one in old:
        # Without its manifest it is no publication any more; if we die here, the next sweep removes the rest.
        place.remove([manifest_path(one)])
        place.remove([path for path in there if _publication_of(path) == one])
    return old


def _read_publication(place: Place, publication_id: str | None) -> dict[str, Any]:
    """The manifest of a publication there, held to the pointer if it is the one that the pointer names."""
    content = place.read(LATEST)
    if content is None and publication_id is None:
        raise PublicationError(f"nothing is published at {place.address} yet; run `nightjar replicate`")
    pointer = {} if content is None else _parse(content, f"{place.address}/{LATEST}")
    wanted = publication_id or str(pointer.get("publication"))
    manifest = _read_manifest(place, wanted)
    if wanted == pointer.get("publication") and manifest["sha256"] != pointer["manifest_sha256"]:
        raise PublicationError(f"the manifest of {wanted!r} at {place.address} is not the one that {LATEST} names")
    return manifest


def _read_manifest(place: Place, publication_id: str) -> dict[str, Any]:
    """The manifest with its own checksum as "sha256"."""
    path = manifest_path(publication_id)
    content = place.read(path)
    if content is None:
        raise PublicationError(
            f"there is no publication {publication_id!r} at {place.address}; it may have been retired"
        )
    manifest = _parse(content, f"{place.address}/{path}")
    if manifest.get("format") != FORMAT or manifest.get("publication") != publication_id:
        raise PublicationError(f"{place.address}/{path} is not the manifest of publication {publication_id!r}")
    return {**manifest, "sha256": hashlib.sha256(content).hexdigest()}


def _parse(content: bytes, where: str) -> dict[str, Any]:
    try:
        parsed = json.loads(content)
    except ValueError as error:
        raise PublicationError(f"{where} is not JSON ({error}); remove it and run `nightjar replicate`") from error
    if not isinstance(parsed, dict):
        raise PublicationError(f"{where} is no JSON object; remove it and run `nightjar replicate`")
    return parsed


def _entries(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The files of all tables, those of an older major version that is published beside this one included."""
    tables = [one for table in manifest["tables"].values() for one in (table, *table.get("older", {}).values())]
    return [entry for table in tables for entry in table["files"]]


def _describe_state(place: Place, manifest: Mapping[str, Any]) -> ReplicaState:
    entries = _entries(manifest)
    return ReplicaState(
        address=place.address, publication_id=manifest["publication"], published_at=manifest["published_at"],
        n_files=len(entries), n_rows=sum(entry["rows"] for entry in entries),
    )  # fmt: skip
