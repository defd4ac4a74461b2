"""Holds a publication to the contract, to an earlier publication, and to the warehouse as it is now. Reads only.

Every check is made, whatever the others found, so that one run tells all. Time O(rows log rows), memory as DuckDB's limit
says and O(batch) besides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.gates import ExpectationResult
from tasks.gating import Findings, inspect_publication
from warehouse.connection import DATABASE, open_warehouse
from warehouse.errors import LockedError, PublicationError, WarehouseError
from warehouse.publication import (
    Publication,
    find_faults,
    list_publications,
    read_history,
    read_publication,
    resolve_latest,
)
from warehouse.publication.compatibility import find_breaks, shape_of_contract, shape_of_publication

CHECK_MEMORY_MB = 1024
SHOWN_CHARS = 400
NOTHING = "no value"
"""What a gate observed that had nothing to look at."""
FAULTS = {
    "files": "are there with the sizes, checksums and row counts of the manifest",
    "columns": "have the contract's names and types, and are null nowhere else than it allows",
    "values": "no null where none may be; numbers finite and in range",
    "order": "rows lie in the order that the contract states",
    "keys": "no two rows share a key",
    "ranks": "every list counts 1, 2, 3 …",
}
"""The kinds of fault that reading finds, each with what holds when there is none."""


@dataclass(frozen=True)
class Check:
    """One line: name is the kind of check, message what was found or what holds; is_ok None: it could not be made."""

    name: str
    is_ok: bool | None
    message: str


def check_contract(
    folder: Path, publication_id: str | None = None, *, against: str | None = None, memory_limit_mb: int | None = None
) -> tuple[Publication, list[Check]]:
    """All checks of a publication, the latest unless named, against another, the one before it unless named.

    Raises PublicationError if there is no such publication or its manifest can't be read, LockedError while a run has the
    warehouse open.
    """
    published = folder / "published"
    publication, checks = _open_publication(published, publication_id)
    checks += _check_reading(publication)
    checks += _check_shape(publication)
    before = _find_before(published, publication) if against is None else read_publication(published, against)
    checks += _check_against(publication, before)
    checks += _check_gate(folder, publication, before, memory_limit_mb or CHECK_MEMORY_MB)
    return publication, checks


def _open_publication(published: Path, publication_id: str | None) -> tuple[Publication, list[Check]]:
    if publication_id is not None:
        return read_publication(published, publication_id), []
    history = read_history(published)
    if not history or history[0].until is not None:
        raise PublicationError(f"nothing is published in {str(published)!r} yet; run `nightjar publish`")
    publication = read_publication(published, history[0].publication_id)
    try:
        resolve_latest(published)
    except PublicationError as error:
        return publication, [Check("pointer", False, str(error))]
    return publication, [
        Check("pointer", True, f"latest.json names {publication.publication_id} and the checksum of its manifest")
    ]


def _check_reading(publication: Publication) -> Iterator[Check]:
    try:
        faults = list(find_faults(publication))
    except PublicationError as error:
        yield Check("schema", False, str(error))
        return
    for name, holds in FAULTS.items():
        found = [fault.message for fault in faults if fault.check == name]
        yield from (Check(name, False, message) for message in found)
        if not found:
            yield Check(name, True, f"{_describe_size(publication)}: {holds}" if name == "files" else holds)


def _check_shape(publication: Publication) -> Iterator[Check]:
    version = publication.schema_version
    breaks = find_breaks(shape_of_contract(version), shape_of_publication(publication))
    yield from (Check("contract", False, f"the manifest: {one}") for one in breaks)
    if not breaks:
        yield Check("contract", True, f"the manifest states the tables and columns of schema {version}")


def _check_against(publication: Publication, before: Publication | None) -> Iterator[Check]:
    if before is None:
        yield Check("readers", None, "there is no earlier publication to compare with")
        return
    breaks = find_breaks(shape_of_publication(before), shape_of_publication(publication))
    told = f"{before.publication_id} (schema {before.schema_version})"
    yield from (Check("readers", False, f"against {told}: {one}") for one in breaks)
    if not breaks:
        yield Check(
            "readers",
            True,
            f"whoever reads {told} can read {publication.publication_id} ({publication.schema_version})",
        )


def _check_gate(
    folder: Path, publication: Publication, before: Publication | None, memory_limit_mb: int
) -> Iterator[Check]:
    if not (folder / DATABASE).exists():
        yield Check("warehouse", None, f"there is no warehouse in {str(folder)!r} to hold the rows against")
        return
    try:
        with open_warehouse(folder, read_only=True, memory_limit_mb=memory_limit_mb) as warehouse:
            found = inspect_publication(warehouse, publication, before=before, known={})
    except LockedError:
        # A run works there: no fault of the publication.
        raise
    except WarehouseError as error:
        yield Check("warehouse", False, f"the gate could not be run: {_shorten(str(error))}")
        return
    for one in found:
        yield from _describe_findings(one)


def _describe_findings(found: Findings) -> Iterator[Check]:
    for result in found.results:
        is_ok = result.is_success or result.severity != "critical"
        is_checked = result.observed != NOTHING
        yield Check(f"{found.catalog}: {result.expectation}", is_ok if is_checked else None, _describe(result))
    yield from (Check(found.catalog, None, note) for note in found.notes)


def _describe(result: ExpectationResult) -> str:
    sample = "" if result.sample == "[]" else f", for example {_shorten(result.sample)}"
    return f"{result.observed}; expected {result.expected}{sample}"


def _find_before(published: Path, publication: Publication) -> Publication | None:
    """The last one published before it."""
    others = [
        one for one in list_publications(published)
        if one.publication_id != publication.publication_id and not one.is_backfill
        and one.published_at <= publication.published_at
    ]  # fmt: skip
    return others[0] if others else None


def _describe_size(publication: Publication) -> str:
    return f"{publication.n_files} files, {publication.n_rows:,} rows, {publication.n_bytes / 1e6:.1f} MB"


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARS else line[: SHOWN_CHARS - 1] + "…"
