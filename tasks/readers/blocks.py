"""Blocks of delimited text: many records parsed at once, and those that are not plain one by one, as `delimited` reads them.

A record is plain when it is one line with as many fields as the first, and quotes, if any, stand around whole fields.
The text is read a few MB at a time and cut at line ends; a block with anything else in it is gone through in pieces, so
that a fault costs the speed of its piece only. Time O(bytes); memory O(block), whatever the size of the file.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import IO

import polars as pl
import pyarrow as pa
import pyarrow.csv

from tasks.contracts.catalog import SourceConfig
from tasks.readers import delimited, lines
from tasks.readers.columns import Block
from tasks.readers.delimited import Record
from tasks.readers.lines import Line, read_lines
from tasks.readers.locate import Member, open_members
from tasks.readers.plan import Plan
from tasks.readers.rows import RawRow

BLOCK_BYTES = 4 * 1024 * 1024
PIECE_BYTES = 64 * 1024
# In these a line break is one byte, and ASCII stands for itself.
_ENCODINGS = frozenset({"utf-8", "utf-8-sig", "ascii", "iso8859-1", "cp1252"})
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CUT_SHORT = "not csv: unexpected end of data"


@dataclass(frozen=True)
class Table:
    """How the records of one file are laid out; names are the header's, and places where there is none."""

    file: str
    names: list[str]
    is_named: bool
    separator: str
    has_quotes: bool
    encoding: str
    plan: Plan = field(repr=False)


def read_blocks(source: SourceConfig, plan: Plan) -> Iterator[Block | RawRow]:
    """Blocks and single rows of every file of a csv source, in their order; raises SourceError as read_rows does."""
    for member in open_members(source, suffixes=delimited.SUFFIXES):
        with member.open() as stream:
            first = stream.readline(PIECE_BYTES)
            table = _lay_out(first, member, source, plan)
            if table is not None:
                yield from _read_table(_Bytes(stream, io.BytesIO(b"" if table.is_named else first)), table)
        if table is None:
            yield from delimited.read_member(member, source, plan)


def _lay_out(first: bytes, member: Member, source: SourceConfig, plan: Plan) -> Table | None:
    """The layout that the first line shows; None for a file that must be read row by row."""
    separator = "\t" if source.separator == "\\t" else source.separator
    try:
        encoding = codecs.lookup(source.encoding).name
    except LookupError:
        return None
    is_line = first.endswith(b"\n") and first.strip() != b""
    if not is_line or encoding not in _ENCODINGS or len(separator) != 1 or not separator.isascii():
        return None
    read = read_lines(io.BytesIO(first), encoding, newline="" if source.has_quotes else "\n")
    records = list(delimited.parse_lines(read, separator, has_quotes=source.has_quotes))
    if len(records) != 1 or records[0].problem or len(records[0].fields) < 2:
        return None
    if source.has_header:
        names = delimited.check_header(records[0], member.name, plan)
    else:
        names = [str(index) for index in range(len(records[0].fields))]
        delimited.check_indexes(plan, len(names), member.name)
    return Table(member.name, names, source.has_header, separator, source.has_quotes, encoding, plan)


@dataclass
class _Bytes:
    """The bytes of a file, in lines; what was put back comes first."""

    stream: IO[bytes]
    waiting: IO[bytes]

    def take(self, size: int) -> bytes:
        """The next `size` bytes and what is left of the last line in them; empty at the end of the file."""
        for stream in (self.waiting, self.stream):
            if taken := stream.read(size):
                return taken if taken.endswith(b"\n") else taken + _end_line(stream)
        return b""

    def put_back(self, taken: bytes) -> None:
        """Have these lines come again, before those that were put back earlier."""
        self.waiting = io.BytesIO(taken + self.waiting.read())


def _end_line(stream: IO[bytes]) -> bytes:
    """The rest of a line; of one that is too long whatever its encoding, only so much that this shows."""
    rest = part = stream.readline(4 * lines.MAX_LINE)
    while part and not part.endswith(b"\n"):
        part = stream.readline(lines.MAX_LINE)
    return rest


def _read_table(source: _Bytes, table: Table) -> Iterator[Block | RawRow]:
    number = 2 if table.is_named else 1
    n_odd = 0
    while text := source.take(PIECE_BYTES if n_odd > 0 else BLOCK_BYTES):
        block = _parse(text, table, number)
        if block is not None:
            yield block
            number += block.frame.height
        elif n_odd <= 0:
            source.put_back(text)
            n_odd = len(text)
            continue
        else:
            text, rows, n_lines = _read_odd(text, source, table, number)
            yield from rows
            number += n_lines
        n_odd -= len(text)


def _read_odd(text: bytes, source: _Bytes, table: Table, number: int) -> tuple[bytes, list[RawRow], int]:
    """The rows of a piece, read one by one; the piece, which grows where a quote stays open at its end; its lines."""
    while True:
        found, n_lines = _read_records(text, table, number)
        is_cut = any(record.problem.startswith(_CUT_SHORT) for record in found)
        more = source.take(len(text)) if is_cut else b""
        if not more:
            return text, [_to_row(record, table) for record in found], n_lines
        text += more


def _read_records(text: bytes, table: Table, number: int) -> tuple[list[Record], int]:
    n_lines = 0

    def count(read: Iterator[Line]) -> Iterator[Line]:
        nonlocal n_lines
        for line in read:
            n_lines += 1
            yield Line(number + line.number - 1, line.text, line.problem)

    # A byte order mark within a file is a character like others; only the first of two is skipped.
    guard = _BYTE_ORDER_MARK if table.encoding.startswith("utf-8") and text.startswith(_BYTE_ORDER_MARK) else b""
    stream = io.BytesIO((guard if number > 1 else b"") + text)
    read = count(read_lines(stream, table.encoding, newline="" if table.has_quotes else "\n"))
    return list(delimited.parse_lines(read, table.separator, has_quotes=table.has_quotes)), n_lines


def _to_row(record: Record, table: Table) -> RawRow:
    if record.problem:
        return RawRow(table.file, record.line, raw=record.raw, problem=record.problem)
    names = table.names if table.is_named else [str(index) for index in range(len(record.fields))]
    return delimited.to_row(record, names, table.file, table.plan, is_named=table.is_named)


def _parse(text: bytes, table: Table, number: int) -> Block | None:
    """The records of whole lines as columns of text; None where one of them is not plain."""
    if number == 1 and table.encoding.startswith("utf-8"):
        text = text.removeprefix(_BYTE_ORDER_MARK)
    plain = text.replace(b"\r\n", b"\n") if b"\r" in text else text
    if not _is_plain(plain, table):
        return None
    is_ascii = plain.isascii()
    if not is_ascii and not table.encoding.startswith("utf-8"):
        try:
            plain = plain.decode(table.encoding).encode()
        except UnicodeDecodeError:
            return None
    if plain.startswith(_BYTE_ORDER_MARK):
        # PyArrow would take it off.
        return None
    places = {name: table.names.index(name) for name in table.plan.wanted if name in table.names}
    numbers = [str(place) for place in range(len(table.names))]
    wanted = [numbers[place] for place in places.values()]
    try:
        columns = pyarrow.csv.read_csv(
            pa.py_buffer(plain),
            read_options=pyarrow.csv.ReadOptions(column_names=numbers),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=table.separator,
                quote_char='"' if table.has_quotes and b'"' in plain else False,
                ignore_empty_lines=False,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=list(dict.fromkeys(wanted)),
                column_types=dict.fromkeys(wanted, pa.string()),
                strings_can_be_null=False,
                check_utf8=not is_ascii,
            ),
        )
    except pa.ArrowInvalid:
        return None
    parsed = pl.DataFrame(pl.from_arrow(columns))
    frame = parsed.select(pl.col(numbers[place]).alias(name) for name, place in places.items())

    def rows(chosen: Sequence[int]) -> list[RawRow]:
        # Split anew by each call, of which there is one a batch: a block without odd rows needs no lines.
        split = text.split(b"\n")
        found = (_read_records(split[index] + b"\n", table, number + index)[0] for index in chosen)
        # A blank line has no record; its fields are empty, and so it is always among the chosen.
        return [_to_row(record, table) for records in found for record in records]

    return Block(table.file, number, frame, rows)


def _is_plain(text: bytes, table: Table) -> bool:
    """Whether each line is a record, as far as can be told without its fields: no quotes but around whole fields, say."""
    window = min(delimited.MAX_FIELD, lines.MAX_LINE) // 2
    if b"\x00" in text or b"\r" in text:
        return False
    if any(text.find(b"\n", at, at + window) < 0 for at in range(0, len(text) - window, window)):
        return False
    ended = text if text.endswith(b"\n") else text + b"\n"
    return not table.has_quotes or b'"' not in text or _whole_fields(table.separator).fullmatch(ended) is not None


@cache
def _whole_fields(separator: str) -> re.Pattern[bytes]:
    """Lines of fields that are quoted as a whole, or not at all."""
    end = re.escape(separator)
    field = rf'(?:"[^"\n]*+(?:""[^"\n]*+)*+"|[^"{end}\n]*+)'
    return re.compile(rf"(?:{field}[{end}\n])*+".encode())
