"""Looks at sources without reading their rows: have they changed since they were read, and do they change meanwhile?

A digest is of every byte, not of sizes and times: a copy that keeps its times, a restored folder or a coarse clock would
hide a change. Time O(bytes), about 0.1 s for 100 MB; memory O(1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

from tasks.contracts.catalog import Kind, SourceConfig
from tasks.contracts.errors import SourceError
from tasks.readers.locate import list_files, naming_damage

Trait: TypeAlias = tuple[str, int, int, int]


@dataclass(frozen=True)
class Look:
    """What some sources held at one moment: a digest of their settings and bytes, and size, time and inode of each file."""

    sources: tuple[SourceConfig, ...]
    digest: str
    traits: tuple[tuple[Trait, ...], ...]

    def check_unchanged(self) -> None:
        """Raise SourceError when a file was written, replaced, added or removed since; what was read may be half of each."""
        for source, before in zip(self.sources, self.traits, strict=True):
            now = _traits(source)
            if now != before:
                changed = sorted({name for name, *_ in {*now} ^ {*before}})
                raise SourceError(
                    f"data file {changed[0]!r} changed while it was read; nothing was stored: run again when it is complete "
                    "(write to another name and rename it, and no reader sees half a file)"
                )


def look_at(sources: Sequence[SourceConfig], kind: Kind, *, settings: Sequence[str] = ()) -> Look:
    """A look at the sources of a kind; `settings` are further texts that decide what becomes of their rows.

    Raises SourceError for a file that can't be read.
    """
    found = hashlib.sha256(repr((_code(), kind, tuple(settings))).encode())
    traits = []
    for source in sources:
        with naming_damage(source):
            traits.append(_traits(source))
            found.update(source.model_dump_json().encode())
            for path in list_files(source):
                found.update(f"\x00{path}\x00".encode("utf-8", "surrogateescape") + _digest(path))
    return Look(tuple(sources), found.hexdigest(), tuple(traits))


def _traits(source: SourceConfig) -> tuple[Trait, ...]:
    found = []
    for path in list_files(source):
        state = path.stat() if path.exists() else None
        found.append((str(path), state.st_size, state.st_mtime_ns, state.st_ino) if state else (str(path), -1, 0, 0))
    return tuple(found)


def _digest(path: Path) -> bytes:
    """The sha256 of a file; that of nothing where there is none, which its reader will say better."""
    if not path.is_file():
        return hashlib.sha256().digest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


@cache
def _code() -> str:
    """Readers that read otherwise than yesterday's make other rows of the same bytes."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"\x00".join(path.read_bytes() for path in files)).hexdigest()
