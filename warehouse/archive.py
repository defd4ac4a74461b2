"""One tar file of a folder, with the checksum of every file: written whole or not at all, checked before it is believed.

The last member is `manifest.json`: what the archive holds, and what it was made from. Files are streamed, so memory is
O(one block), whatever their size. Time O(bytes).
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from warehouse.errors import ArchiveError
from warehouse.shards import sync_file, sync_folder

FORMAT = "nightjar-backup"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
PARTIAL = ".partial"
BLOCK = 1 << 20
# What a file system says to a name that no backup of ours holds.
_NO_NAME = {errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.EINVAL, errno.ELOOP}


@dataclass(frozen=True)
class Source:
    """A file or link to take in: name is its path in the archive, with forward slashes; path is where it lies."""

    name: str
    path: Path


@dataclass(frozen=True)
class Archive:
    """What an archive says of itself: facts of the folder that it was made from, and its files with bytes and checksums."""

    facts: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]

    @property
    def n_bytes(self) -> int:
        """Of all files, unpacked."""
        return sum(int(entry["bytes"]) for entry in self.files.values() if "bytes" in entry)


def write_archive(target: Path, sources: Iterable[Source], *, facts: Mapping[str, Any]) -> Archive:
    """Write the archive under a temporary name, read it again, and move it to `target`.

    Raises ArchiveError if `target` is there already or what was written can't be read again.
    """
    if target.exists():
        raise ArchiveError(f"the file {str(target)!r} is there already; name another, or move it away")
    partial = target.with_name(target.name + PARTIAL)
    files: dict[str, dict[str, Any]] = {}
    try:
        with tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar:
            for source in sources:
                files[source.name] = _add(tar, source)
            content = {"format": FORMAT, "version": FORMAT_VERSION, "facts": dict(facts), "files": files}
            text = json.dumps(content, indent=1).encode()
            member = tarfile.TarInfo(MANIFEST)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
        sync_file(partial)
        archive = check_archive(partial)
        os.replace(partial, target)
        sync_folder(target.parent)
    finally:
        partial.unlink(missing_ok=True)
    return archive


def check_archive(file: Path) -> Archive:
    """Read all of it and hold it to its manifest. Raises ArchiveError that names what is wrong; writes nothing."""
    return _read(file, unpack_to=None)


def unpack_archive(file: Path, folder: Path) -> Archive:
    """Write the archive's files into `folder`, which is empty, and check them on the way.

    Raises ArchiveError on a wrong checksum, a file that the manifest does not list, or a path that leads out of the
    folder; what was written by then stays, for the caller to remove.
    """
    return _read(file, unpack_to=folder)


def _add(tar: tarfile.TarFile, source: Source) -> dict[str, Any]:
    member = tar.gettarinfo(source.path, arcname=source.name)
    # Whose files these were is nobody's business where they are restored.
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    if member.issym():
        tar.addfile(member)
        return {"link": member.linkname}
    if not member.isreg():
        raise ArchiveError(f"{str(source.path)!r} is neither a file nor a link; move it out of the warehouse's folder")
    with source.path.open("rb") as file:
        reader = _Hashing(file)
        tar.addfile(member, reader)
    return {"bytes": member.size, "sha256": reader.hexdigest()}


def _read(file: Path, *, unpack_to: Path | None) -> Archive:
    found: dict[str, dict[str, Any]] = {}
    manifest: dict[str, Any] | None = None
    with _opened(file) as tar:
        for member in tar:
            if manifest is not None:
                raise ArchiveError(f"the archive {str(file)!r} goes on after its manifest; it was changed")
            if member.name == MANIFEST:
                manifest = _read_manifest(file, tar, member)
                continue
            if member.name in found:
                raise ArchiveError(f"the archive {str(file)!r} holds {member.name!r} twice; it was changed")
            found[member.name] = _take(file, tar, member, unpack_to)
    if manifest is None:
        raise ArchiveError(f"the archive {str(file)!r} ends before its manifest; it was cut short: take another")
    _compare(file, found, manifest["files"])
    return Archive(manifest["facts"], manifest["files"])


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, "r|") as tar:
            yield tar
    except FileNotFoundError as error:
        raise ArchiveError(f"there is no file {str(file)!r}") from error
    except (tarfile.TarError, EOFError) as error:
        raise ArchiveError(f"the archive {str(file)!r} can't be read: {error}; take another backup") from error
    except OSError as error:
        if error.errno not in _NO_NAME:
            raise
        raise ArchiveError(
            f"the archive {str(file)!r} is refused: a name in it can't be one ({error.strerror})"
        ) from error


def _take(file: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path | None) -> dict[str, Any]:
    """A member's entry as it is in the archive; with a folder, it is written there too."""
    _refuse_ways_out(file, member, folder or Path("/nowhere"))
    target = None if folder is None else folder / member.name
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
    if member.issym():
        if target is not None:
            target.symlink_to(member.linkname)
        return {"link": member.linkname}
    content = tar.extractfile(member)
    if content is None:
        raise ArchiveError(f"the archive {str(file)!r} has no content for {member.name!r}")
    reader = _Hashing(content)
    if target is None:
        while reader.read(BLOCK):
            pass
    else:
        with target.open("xb") as written:
            shutil.copyfileobj(reader, written, BLOCK)
        os.utime(target, (member.mtime, member.mtime))
        sync_file(target)
    return {"bytes": reader.n_bytes, "sha256": reader.hexdigest()}


def _refuse_ways_out(file: Path, member: tarfile.TarInfo, folder: Path) -> None:
    """Only plain files and links, and none whose name or target lies outside of the folder."""
    try:
        tarfile.data_filter(member, str(folder))
    except tarfile.FilterError as error:
        raise ArchiveError(f"the archive {str(file)!r} is refused: {error}") from error
    is_plain = member.isreg() or member.issym()
    path = PurePosixPath(member.name)
    if not is_plain or not path.parts or path.is_absolute() or ".." in path.parts:
        raise ArchiveError(f"the archive {str(file)!r} is refused: {member.name!r} is no plain file of the folder")


def _read_manifest(file: Path, tar: tarfile.TarFile, member: tarfile.TarInfo) -> dict[str, Any]:
    content = tar.extractfile(member)
    try:
        manifest = json.loads(content.read() if content else b"")
        if manifest["format"] != FORMAT:
            raise ValueError(f"its format is {manifest['format']!r}")
        if manifest["version"] > FORMAT_VERSION:
            raise ArchiveError(
                f"the archive {str(file)!r} has version {manifest['version']}, this Nightjar reads up to"
                f" {FORMAT_VERSION}; use the Nightjar version that wrote it, or a newer one"
            )
        return {"facts": dict(manifest["facts"]), "files": dict(manifest["files"])}
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveError(f"{str(file)!r} is no backup of Nightjar: {error!r}") from error


def _compare(file: Path, found: Mapping[str, Any], listed: Mapping[str, Any]) -> None:
    wrong = [name for name in {**listed, **found} if found.get(name) != listed.get(name)]
    if wrong:
        name = wrong[0]
        said = "is not in it" if name not in found else "is not listed" if name not in listed else "has changed"
        raise ArchiveError(f"the archive {str(file)!r} is damaged: {name!r} {said}; take another backup")


class _Hashing:
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.n_bytes = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        block = self._file.read(size)
        self._digest.update(block)
        self.n_bytes += len(block)
        return block

    def hexdigest(self) -> str:
        """Of all that was read."""
        return self._digest.hexdigest()
