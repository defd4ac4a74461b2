"""Finds the files that a source means, in a folder, a zip or by themselves, and opens them as streams of bytes.

Nothing is unpacked to disk or read whole: members of a zip and gzipped files are decompressed as they are read, up to a
limit (tasks/readers/packed.py). A folder is read as it is: a link in it that leads elsewhere is refused.
"""

from __future__ import annotations

import difflib
import gzip
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, cast

import pyarrow as pa

from tasks.contracts.catalog import SourceConfig
from tasks.contracts.errors import SourceError
from tasks.readers.packed import bound_unpacked

_DAMAGE = (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, UnicodeError, pa.ArrowException)
_ENCRYPTED = 0x1
# A guess at what was meant is worth so many comparisons, no more.
MOST_COMPARED = 1000


@dataclass(frozen=True)
class Member:
    """One file of a source.

    name is how rows refer to it ("archive.zip!folder/a.csv"); inner is its path below the source's `member`.
    """

    name: str
    inner: str
    open: Callable[[], IO[bytes]]


def open_members(source: SourceConfig, *, suffixes: Sequence[str] = (), called: str = "") -> Iterator[Member]:
    """The files of a source in a stable order: those with one of the suffixes (".gz" aside), or the one called so.

    A source that is a single file is taken whatever it is called. Members must be read while the iterator is held.
    Raises SourceError when there is no such path or no such member.
    """
    path = Path(source.path)
    if not path.exists():
        raise SourceError(f"data file {str(path)!r} does not exist{_near(path.name, _siblings(path))}")

    def fits(inner: str) -> bool:
        name = PurePosixPath(inner).name.lower().removesuffix(".gz")
        return name == called if called else not suffixes or name.endswith(tuple(suffixes))

    wanted = repr(called) if called else f"a file ending in {' or '.join(suffixes)}"
    if path.is_dir():
        yield from _at_least_one(_open_folder(path, source.member, fits), path, source.member, wanted=wanted)
    elif not path.is_file():
        raise SourceError(f"{str(path)!r} is neither a file nor a folder; write what it yields to a file first")
    elif path.suffix.lower() == ".zip":
        yield from _open_zip(path, source.member, fits, wanted=wanted)
    elif source.member:
        raise SourceError(f"member {source.member!r} is set, but {str(path)!r} is no folder or zip; remove it")
    else:
        yield Member(path.name, path.name, lambda: _unpacked(path.open("rb"), path.name, path.stat().st_size))


def list_files(source: SourceConfig) -> list[Path]:
    """The files on disk that a source may be read from, in a stable order: one, or those of a folder under `member`."""
    path = Path(source.path)
    if not path.is_dir():
        return [path] if path.is_file() else []
    return [path / inner for inner in _walk(path) if _chosen(inner, source.member) and (path / inner).is_file()]


@contextmanager
def naming_damage(source: SourceConfig) -> Iterator[None]:
    """Turns what a damaged or unreadable file raises into a SourceError that names the file."""
    try:
        yield
    except _DAMAGE as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise SourceError(
            f"data file {source.path!r} can't be read on: {text}; it may be damaged or cut short, so fetch it again"
        ) from error


def show_name(name: str) -> str:
    r"""A file's name in one line: what can't be printed is escaped, a line break as \n."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in name)


def nearest(name: str, known: Iterable[str]) -> str:
    """'; did you mean …?' for the known name that is nearest, or nothing."""
    near = difflib.get_close_matches(name[:MOST_COMPARED], list(islice(known, MOST_COMPARED)), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _open_folder(path: Path, member: str | None, fits: Callable[[str], bool]) -> Iterator[Member]:
    for inner in _walk(path):
        if _chosen(inner, member) and fits(inner):
            yield _in_folder(path, inner, member)


def _open_zip(path: Path, member: str | None, fits: Callable[[str], bool], *, wanted: str) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        infos = {info.filename: info for info in archive.infolist()}
        names = sorted(name for name, info in infos.items() if not info.is_dir() and not _is_hidden(name))
        chosen = [name for name in names if _chosen(name, member) and fits(name)]
        locked = [name for name in chosen if infos[name].flag_bits & _ENCRYPTED]
        if locked:
            raise SourceError(f"member {locked[0]!r} of {str(path)!r} is encrypted; give an archive without a password")
        folders = {str(parent) for name in names for parent in PurePosixPath(name).parents}
        near = nearest(member, folders.union(names)) if member and not chosen else ""
        members = (_in_zip(archive, infos[name], path, member) for name in chosen)
        yield from _at_least_one(members, path, member, wanted=wanted + near)


def _at_least_one(members: Iterator[Member], path: Path, member: str | None, *, wanted: str) -> Iterator[Member]:
    first = next(members, None)
    if first is None:
        where = f" under member {member!r}" if member else ""
        raise SourceError(f"{str(path)!r}{where} does not hold {wanted}")
    yield first
    yield from members


def _in_folder(path: Path, inner: str, member: str | None) -> Member:
    file = path / inner
    if not file.resolve().is_relative_to(path.resolve()):
        raise SourceError(
            f"{str(file)!r} is a link that leads out of its folder; put the file itself there, or remove it"
        )
    if not file.is_file():
        raise SourceError(f"{str(file)!r} is no file that can be read to its end; remove it")
    name = show_name(f"{path.name}/{inner}")
    return Member(name, _below(inner, member), lambda: _unpacked(file.open("rb"), inner, file.stat().st_size))


def _in_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, member: str | None) -> Member:
    name = info.filename
    shown = show_name(f"{path.name}!{name}")

    def open_member() -> IO[bytes]:
        # The archive's own word for the packed size may be false, the size of the whole file can't be.
        size = min(info.compress_size, path.stat().st_size)
        return _unpacked(bound_unpacked(archive.open(info), size, name=shown), name, info.file_size)

    return Member(shown, _below(name, member), open_member)


def _unpacked(stream: IO[bytes], name: str, size: int) -> IO[bytes]:
    if not name.lower().endswith(".gz"):
        return stream
    return bound_unpacked(cast(IO[bytes], gzip.open(stream)), size, name=name)


def _chosen(inner: str, member: str | None) -> bool:
    return not member or inner == member.rstrip("/") or inner.startswith(member.rstrip("/") + "/")


def _below(inner: str, member: str | None) -> str:
    prefix = member.rstrip("/") + "/" if member else ""
    return inner.removeprefix(prefix) if prefix and inner != member else inner


def _walk(folder: Path) -> Iterator[str]:
    for root, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            inner = (Path(root) / file).relative_to(folder).as_posix()
            if not _is_hidden(inner):
                yield inner


def _is_hidden(inner: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(inner).parts)


def _siblings(path: Path) -> list[str]:
    return [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []


def _near(name: str, known: Iterable[str]) -> str:
    return nearest(name, known) or "; check the path in the catalog file"
