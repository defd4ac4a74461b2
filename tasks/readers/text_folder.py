"""Reads a folder or zip of .txt files: the parent folder is the category, line 1 the title, the rest the text.

A file's item_id is its path below `member` without ".txt", so that numbers may repeat across categories. A file that is
not in the stated encoding is read as cp1252 (or latin-1, where cp1252 has no such byte), and its attributes say so:
"decoded_as".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from tasks.contracts.catalog import Kind, SourceConfig
from tasks.readers.lines import find_encoding
from tasks.readers.locate import Member, open_members
from tasks.readers.plan import Layout, Plan
from tasks.readers.rows import RawRow

# A document is held whole; a larger file is no article.
MAX_BYTES = 10 * 1024 * 1024
LAYOUTS: Mapping[Kind, Layout] = {
    "items": Layout(
        columns={"item_id": "item_id", "title": "title", "text": "text", "category": "category"},
        attributes=("decoded_as",),
    )
}


def read_rows(source: SourceConfig, plan: Plan) -> Iterator[RawRow]:
    """One row a file, in the order of their paths (a zip's: sorted)."""
    for member in open_members(source, suffixes=(".txt",)):
        yield _read_file(member, source.encoding, root=PurePosixPath(source.member or "").name)


def _read_file(member: Member, encoding: str, *, root: str) -> RawRow:
    with member.open() as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        problem = f"file is larger than {MAX_BYTES} bytes; split it"
        return RawRow(member.name, 1, raw=repr(content[:200]), problem=problem)
    text, decoded_as = _decode(content, encoding)
    if "\x00" in text:
        return RawRow(member.name, 1, raw=text[:200], problem="file holds NUL bytes; is it text?")
    title, _, rest = text.strip().partition("\n")
    path = PurePosixPath(member.inner.removesuffix(".gz"))
    values = {
        "item_id": path.with_suffix("").as_posix(),
        "title": title,
        "text": rest,
        "category": path.parent.name or root,
        "decoded_as": decoded_as,
    }
    return RawRow(member.name, 1, values, text)


def _decode(content: bytes, encoding: str) -> tuple[str, str | None]:
    """The text, and the encoding that had to stand in for the stated one, if any."""
    try:
        return _tidy_breaks(content.decode(find_encoding(encoding))), None
    except UnicodeError:
        pass
    try:
        return _tidy_breaks(content.decode("cp1252")), "cp1252"
    except UnicodeDecodeError:
        return _tidy_breaks(content.decode("latin-1")), "latin-1"


def _tidy_breaks(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
