"""Where a publication can lie besides the warehouse: a folder, or anything that fsspec has a URL for.

A place knows files by their path below its address, with forward slashes. `replace` shows readers the old content or the new,
never a part of it: in a folder by rename, in an object store by one PUT. Transient errors are tried again; what stays is a
PublicationError that names the address. Credentials and the server's address are the environment's (`AWS_*`), never ours.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar
from urllib.parse import urlsplit

from warehouse.errors import PublicationError
from warehouse.shards import sync_file, sync_folder

PAUSES_S = (1.0, 4.0)
"""How long to wait before the second and the third try; the stores' own clients try again below that."""
CHUNK = 8 * 2**20
OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "r2", "memory"}
"""Stores without folders; making one there may make a bucket."""
UNCACHED = {"skip_instance_cache": True, "use_listings_cache": False}
"""A client for each place, which sees the environment and the files as they are now."""
OPTIONS = {"s3": {"max_concurrency": 2}, "s3a": {"max_concurrency": 2}}
"""Two parts of 50 MB in memory at once instead of ten."""
TERMINAL = (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError, ValueError, TypeError)

T = TypeVar("T")


class Place(Protocol):
    """A folder or a store; every method raises PublicationError."""

    address: str

    def sizes(self, folders: Sequence[str]) -> dict[str, int]:
        """Bytes of every file below the folders, by path; an absent folder has none."""

    def read(self, path: str) -> bytes | None:
        """A small file's content; None if it is not there, an error if the bucket is not."""

    def digest(self, path: str) -> tuple[int, str]:
        """Bytes and sha256 of a file, as read back; memory O(1)."""

    def send(self, source: Path, path: str) -> None:
        """Copy a local file there; memory at most some 100 MB, what a store takes in one part."""

    def replace(self, path: str, content: bytes) -> None:
        """Write a small file in one step for its readers."""

    def remove(self, paths: Sequence[str]) -> None:
        """Delete files, and the folders that are empty then."""


def open_place(address: str, *, pauses: Sequence[float] = PAUSES_S) -> Place:
    """The place of an address; what fails there is tried again after each of the pauses, in seconds.

    Raises PublicationError if the address can't be one, or if the package that speaks to it is absent.
    """
    parts = urlsplit(address)
    if parts.password is not None:
        raise PublicationError(
            f"the address {parts.scheme}://{parts.hostname or ''}{parts.path} holds a password; leave it out: "
            "credentials belong in the environment (docs/settings.md)"
        )
    if not parts.scheme or parts.scheme == "file":
        return Folder(Path(parts.path if parts.scheme else address), pauses=pauses)
    return Store(address, pauses=pauses)


class Folder:
    """A local folder."""

    def __init__(self, root: Path, *, pauses: Sequence[float]) -> None:
        self.address = str(root)
        self._root = root
        self._pauses = pauses

    def sizes(self, folders: Sequence[str]) -> dict[str, int]:
        """See Place."""

        def find() -> dict[str, int]:
            paths = [path for folder in folders for path in sorted((self._root / folder).rglob("*"))]
            return {
                path.relative_to(self._root).as_posix(): path.stat().st_size
                for path in paths
                if path.is_file() and not path.is_symlink()
            }

        return self._attempt("be listed", find)

    def read(self, path: str) -> bytes | None:
        """See Place."""
        return self._attempt(f"give {path!r}", lambda: self._read(path))

    def digest(self, path: str) -> tuple[int, str]:
        """See Place."""
        return self._attempt(f"give {path!r}", lambda: _digest((self._root / path).open("rb")))

    def send(self, source: Path, path: str) -> None:
        """See Place."""
        self._attempt(f"take {path!r}", lambda: self._land(path, lambda to: shutil.copyfile(source, to)))

    def replace(self, path: str, content: bytes) -> None:
        """See Place."""
        self._attempt(f"take {path!r}", lambda: self._land(path, lambda to: to.write_bytes(content)))

    def remove(self, paths: Sequence[str]) -> None:
        """See Place."""

        def unlink() -> None:
            for path in paths:
                (self._root / path).unlink(missing_ok=True)
            for folder in _parents(paths):
                with contextlib.suppress(OSError):
                    (self._root / folder).rmdir()

        self._attempt("remove old files", unlink)

    def _attempt(self, what: str, action: Callable[[], T]) -> T:
        return _attempt(self.address, what, action, pauses=self._pauses)

    def _read(self, path: str) -> bytes | None:
        try:
            return (self._root / path).read_bytes()
        except FileNotFoundError:
            return None

    def _land(self, path: str, write: Callable[[Path], object]) -> None:
        target = self._root / path
        fresh = target.with_name(f".{target.name}")
        target.parent.mkdir(parents=True, exist_ok=True)
        write(fresh)
        sync_file(fresh)
        os.replace(fresh, target)
        sync_folder(target.parent)


class Store:
    """Anything else that fsspec has a URL for, object stores above all; nothing is cached between two calls."""

    def __init__(self, address: str, *, pauses: Sequence[float]) -> None:
        import fsspec

        self.address = address.rstrip("/")
        self._pauses = pauses
        protocol = urlsplit(address).scheme
        options = {**UNCACHED, **OPTIONS.get(protocol, {})}
        self._has_folders = protocol not in OBJECT_STORES
        try:
            self._files, self._root = fsspec.core.url_to_fs(self.address, **options)
        except ImportError as error:
            extra = 'pip install "nightjar[s3]"' if protocol in {"s3", "s3a"} else str(error)
            raise PublicationError(f"{address!r} needs a package that is not installed; {extra}") from error
        except ValueError as error:
            raise PublicationError(f"{address!r} is neither a folder nor a URL that fsspec knows: {error}") from error

    def sizes(self, folders: Sequence[str]) -> dict[str, int]:
        """See Place."""

        def find() -> dict[str, int]:
            found: dict[str, Any] = {}
            for folder in folders:
                with contextlib.suppress(FileNotFoundError):
                    found |= self._files.find(self._full(folder), detail=True)
            # Names come back without the protocol, and some stores begin them with a slash.
            cut = len(self._root.rstrip("/")) + 1
            return {name[cut:]: int(info["size"]) for name, info in sorted(found.items())}

        return self._attempt("be listed", find)

    def read(self, path: str) -> bytes | None:
        """See Place."""
        return self._attempt(f"give {path!r}", lambda: self._read(path))

    def digest(self, path: str) -> tuple[int, str]:
        """See Place."""

        def read() -> tuple[int, str]:
            return _digest(self._files.open(self._full(path), "rb", block_size=CHUNK, cache_type="none"))

        return self._attempt(f"give {path!r}", read)

    def send(self, source: Path, path: str) -> None:
        """See Place."""
        self._attempt(f"take {path!r}", lambda: self._files.put_file(str(source), self._open_folder(path)))

    def replace(self, path: str, content: bytes) -> None:
        """See Place; in one step where the store is an object store."""
        self._attempt(f"take {path!r}", lambda: self._files.pipe_file(self._open_folder(path), content))

    def remove(self, paths: Sequence[str]) -> None:
        """See Place."""
        if paths:
            self._attempt("remove old files", lambda: self._remove(paths))

    def _attempt(self, what: str, action: Callable[[], T]) -> T:
        return _attempt(self.address, what, action, pauses=self._pauses)

    def _read(self, path: str) -> bytes | None:
        try:
            return bytes(self._files.cat_file(self._full(path)))
        except FileNotFoundError:
            bucket = self._root.split("/")[0]
            if bucket and not self._has_folders and not self._files.exists(bucket):
                raise
            return None

    def _remove(self, paths: Sequence[str]) -> None:
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                self._files.rm_file(self._full(path))
        for folder in _parents(paths) if self._has_folders else []:
            with contextlib.suppress(OSError):
                self._files.rmdir(self._full(folder))

    def _full(self, path: str) -> str:
        return f"{self._root.rstrip('/')}/{path}"

    def _open_folder(self, path: str) -> str:
        full = self._full(path)
        if self._has_folders:
            self._files.makedirs(full.rsplit("/", 1)[0], exist_ok=True)
        return full


def _attempt(address: str, what: str, action: Callable[[], T], *, pauses: Sequence[float]) -> T:
    """The action's result; again after a pause if it fails, unless no other try would help."""
    try:
        return action()
    except Exception as error:
        # Each store's client has errors of its own; a missing key, bucket or credential is not mended by waiting.
        if not pauses or isinstance(error, TERMINAL) or _lacks_credentials(error):
            raise PublicationError(f"{address} can't {what}: {_describe(error)}") from error
    time.sleep(pauses[0])
    return _attempt(address, what, action, pauses=pauses[1:])


def _lacks_credentials(error: Exception) -> bool:
    return "Credential" in type(error).__name__


def _describe(error: Exception) -> str:
    said = str(error).strip() or type(error).__name__
    if isinstance(error, PermissionError) or _lacks_credentials(error):
        return f"{said} (check the credentials in the environment, and what they may do there)"
    if isinstance(error, FileNotFoundError):
        return f"{said} (does the bucket or folder exist?)"
    return said


def _digest(opened: IO[bytes]) -> tuple[int, str]:
    size, sha = 0, hashlib.sha256()
    with opened as file:
        while chunk := file.read(CHUNK):
            size += len(chunk)
            sha.update(chunk)
    return size, sha.hexdigest()


def _parents(paths: Iterable[str]) -> list[str]:
    """The folders above the files, deepest first."""
    folders = {"/".join(path.split("/")[:depth]) for path in paths for depth in range(1, path.count("/") + 1)}
    return sorted(folders, key=lambda folder: (-folder.count("/"), folder))
