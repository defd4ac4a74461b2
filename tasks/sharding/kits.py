"""Kits and parts in the shared folder: written by the coordinator, read by workers, each held to its sha256.

A kit's pieces lie under the name of their content, so that what two kits share is written once; a worker keeps the kit that
it read last. Large arrays are mapped, not copied: workers of one machine share the pages.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.sharding.codec import Buffer, decode, encode
from tasks.sharding.shared import Shared, hash_buffers

MAPPED_BYTES = 1 << 20


@dataclass(frozen=True)
class Stored:
    """What lies in the shared folder: its name and sha256."""

    name: str
    sha256: str


def put_kit(shared: Shared, prefix: str, kit: object) -> Stored:
    """Write a kit below prefix. O(bytes); memory: one piece of what is not an array."""
    text = encode(kit, _Pieces(shared, prefix))
    name = f"{prefix}/kits/{hash_buffers([text])}.json"
    return Stored(name, shared.put(name, [text]))


def put_part(shared: Shared, name: str, part: object) -> Stored:
    """Write what one shard needs as one file."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("part.json", encode(part, _Members(archive)))
    return Stored(name, shared.put(name, [held.getbuffer()]))


def read_part(shared: Shared, stored: Stored) -> Any:
    """What put_part wrote. Raises StepError where it is absent or another."""
    with zipfile.ZipFile(io.BytesIO(shared.read(stored.name, sha256=stored.sha256))) as archive:
        return decode(archive.read("part.json"), _Archive(archive))


class KitReader:
    """The kits that a worker process reads; it holds the one that it read last."""

    def __init__(self) -> None:
        self._held: tuple[tuple[str, str], Any] | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    def read(self, shared: Shared, stored: Stored) -> Any:
        """The kit. Raises StepError where a piece is absent or another."""
        key = (shared.address, stored.sha256)
        if self._held is None or self._held[0] != key:
            # Let go of the last one first: two at once may be more than the worker's memory holds.
            self._held = None
            if self._scratch is not None:
                self._scratch.cleanup()
            # What comes from an object store lies here as long as its kit is held; a folder is read where it is.
            self._scratch = tempfile.TemporaryDirectory(prefix="nightjar-worker-") if shared.folder is None else None
            scratch = Path(self._scratch.name if self._scratch else "")
            prefix = stored.name.rsplit("/kits/", 1)[0]
            text = shared.read(stored.name, sha256=stored.sha256)
            self._held = key, decode(text, _Blobs(shared, prefix, scratch))
        return self._held[1]


class _Pieces:
    """A sink of files by their content."""

    def __init__(self, shared: Shared, prefix: str) -> None:
        self._shared, self._prefix = shared, prefix

    def add(self, suffix: str, buffers: Sequence[Buffer]) -> str:
        name = hash_buffers(buffers) + suffix
        if not self._shared.exists(f"{self._prefix}/pieces/{name}"):
            self._shared.put(f"{self._prefix}/pieces/{name}", buffers)
        return name


class _Blobs:
    """The origin of those files."""

    def __init__(self, shared: Shared, prefix: str, scratch: Path) -> None:
        self._shared, self._prefix, self._scratch = shared, prefix, scratch

    def array(self, name: str) -> NDArray[Any]:
        path = self._shared.fetch(f"{self._prefix}/pieces/{name}", self._scratch / name, sha256=name.partition(".")[0])
        is_large = path.stat().st_size > MAPPED_BYTES
        return np.asarray(np.load(path, mmap_mode="r" if is_large else None, allow_pickle=False))

    def read(self, name: str) -> bytes:
        return self._shared.read(f"{self._prefix}/pieces/{name}", sha256=name.partition(".")[0])


class _Members:
    """A sink of the members of one archive."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive, self._n = archive, 0

    def add(self, suffix: str, buffers: Sequence[Buffer]) -> str:
        self._n += 1
        name = f"{self._n:04d}{suffix}"
        with self._archive.open(name, "w") as file:
            for buffer in buffers:
                file.write(buffer)
        return name


class _Archive:
    """The origin of those members."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def array(self, name: str) -> NDArray[Any]:
        return np.asarray(np.load(io.BytesIO(self._archive.read(name)), allow_pickle=False))

    def read(self, name: str) -> bytes:
        return self._archive.read(name)
