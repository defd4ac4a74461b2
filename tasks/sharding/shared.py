"""The folder or object store that the coordinator and its workers share: all that travels between them but small values.

A file appears whole or not at all (a folder: written beside, renamed; an object store: an upload that ends), so that what
two workers write under one name is one file. A read is held to the sha256 that the other side has told.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec

from tasks.contracts.errors import StepError

BLOCK = 1 << 22
Buffer = bytes | memoryview


class Shared:
    """A folder by its path, or an object store by its URL ("s3://bucket/prefix"), as fsspec knows it."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._fs: Any = None
        self._root = self.address
        self.folder: Path | None = Path(self.address)
        if "://" in address:
            self._fs, self._root = fsspec.core.url_to_fs(self.address)
            self.folder = None

    def put(self, name: str, buffers: Sequence[Buffer]) -> str:
        """Write a file whole; its sha256. What lies there is replaced."""
        with _Whole(self, name) as file:
            for buffer in buffers:
                file.write(buffer)
        return hash_buffers(buffers)

    def put_file(self, name: str, source: Path) -> str:
        """Copy a file of this machine there; its sha256. On one file system it is linked."""
        digest = hash_file(source)
        if self.folder is not None and _link(source, self.folder / name):
            return digest
        with source.open("rb") as read, _Whole(self, name) as file:
            shutil.copyfileobj(read, file, BLOCK)
        return digest

    def exists(self, name: str) -> bool:
        """Whether the file is there."""
        return (
            (self.folder / name).is_file() if self.folder is not None else bool(self._fs.exists(f"{self._root}/{name}"))
        )

    def read(self, name: str, *, sha256: str) -> bytes:
        """The file's content. Raises StepError where it is absent or another."""
        try:
            found = (
                (self.folder / name).read_bytes()
                if self.folder is not None
                else self._fs.cat_file(f"{self._root}/{name}")
            )
        except FileNotFoundError:
            raise self._absent(name) from None
        if hashlib.sha256(found).hexdigest() != sha256:
            raise self._damaged(name)
        return cast("bytes", found)

    def read_if_there(self, name: str) -> bytes | None:
        """The file's content, unchecked; None where it is absent."""
        try:
            return (
                (self.folder / name).read_bytes()
                if self.folder is not None
                else bytes(self._fs.cat_file(f"{self._root}/{name}"))
            )
        except FileNotFoundError:
            return None

    def fetch(self, name: str, target: Path, *, sha256: str) -> Path:
        """The file on this machine, checked: where it lies in a shared folder, else brought to target."""
        try:
            if self.folder is not None:
                target = self.folder / name
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._fs.get_file(f"{self._root}/{name}", str(target))
            if hash_file(target) != sha256:
                raise self._damaged(name)
        except FileNotFoundError:
            raise self._absent(name) from None
        return target

    def take(self, name: str, target: Path, *, sha256: str) -> None:
        """Move the file to a folder of this machine, checked; it is gone from here."""
        here = self.fetch(name, target, sha256=sha256)
        if here != target:
            try:
                here.replace(target)
            except OSError:
                shutil.copyfile(here, target)
                here.unlink(missing_ok=True)
        else:
            self._fs.rm_file(f"{self._root}/{name}")

    def names(self) -> list[str]:
        """The first parts of the names that lie here."""
        if self.folder is not None:
            return sorted(path.name for path in self.folder.iterdir()) if self.folder.is_dir() else []
        if not self._fs.exists(self._root):
            return []
        return sorted(str(path).rstrip("/").rsplit("/", 1)[-1] for path in self._fs.ls(self._root, detail=False))

    def remove(self, name: str) -> None:
        """Remove a file or all below a folder; nothing where nothing lies."""
        if self.folder is not None:
            shutil.rmtree(self.folder / name, ignore_errors=True)
        elif self._fs.exists(f"{self._root}/{name}"):
            self._fs.rm(f"{self._root}/{name}", recursive=True)

    def remove_file(self, name: str) -> None:
        """Remove one file; nothing where it is absent."""
        if self.folder is not None:
            (self.folder / name).unlink(missing_ok=True)
        elif self._fs.exists(f"{self._root}/{name}"):
            self._fs.rm_file(f"{self._root}/{name}")

    def open_whole(self, name: str) -> tuple[BinaryIO, Path | None]:
        """A file to write, and where it lies until it is whole (None: the store sees to that)."""
        if self.folder is None:
            return cast("BinaryIO", self._fs.open(f"{self._root}/{name}", "wb")), None
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
        return part.open("wb"), part

    def _absent(self, name: str) -> StepError:
        return StepError(
            f"{name!r} is not in the shared folder {self.address!r}; see that coordinator and workers see the same folder"
        )

    def _damaged(self, name: str) -> StepError:
        return StepError(f"{name!r} in {self.address!r} is not what was written there (sha256); run the stage again")


class _Whole:
    """A file that is there, complete, when the block ends without an error."""

    def __init__(self, shared: Shared, name: str) -> None:
        self._shared, self._name = shared, name

    def __enter__(self) -> BinaryIO:
        self._file, self._part = self._shared.open_whole(self._name)
        return self._file

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if self._part is None:
            if kind is not None:
                # An upload that is given up leaves nothing; closing it would complete it.
                getattr(self._file, "discard", lambda: None)()
                return
            self._file.close()
            return
        self._file.close()
        if kind is not None or self._shared.folder is None:
            self._part.unlink(missing_ok=True)
            return
        os.replace(self._part, self._shared.folder / self._name)


def hash_buffers(buffers: Sequence[Buffer]) -> str:
    """The sha256 of what is in memory, piece after piece."""
    digest = hashlib.sha256()
    for buffer in buffers:
        digest.update(buffer)
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """The sha256 of a file. O(bytes)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _link(source: Path, target: Path) -> bool:
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, part)
        os.replace(part, target)
    except OSError:
        return False
    finally:
        # Two names of one file: then a rename does nothing, and leaves the first.
        part.unlink(missing_ok=True)
    return True
