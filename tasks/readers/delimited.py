"""Reads csv, tsv and other delimited text (also .gz, zips and folders of it), one record at a time.

Without a header, columns are called "0", "1", … An unbalanced quote makes its own line bad and costs no other row.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field

from tasks.contracts.catalog import SourceConfig
from tasks.contracts.errors import SourceError
from tasks.readers.lines import Line, read_lines
from tasks.readers.locate import Member, open_members
from tasks.readers.plan import Plan, check_columns
from tasks.readers.rows import RawRow

SUFFIXES = (".csv", ".tsv", ".tab", ".txt")
# One field of a csv; a quote that never closes would otherwise swallow the file.
MAX_FIELD = 1_000_000
# All lines of one record. Quotes that open anew on every line make one record of the whole file.
MAX_RECORD = 4_000_000
# So many characters may be read again because a record went wrong, besides three times what was read in all.
REREAD_FREELY = 5_000_000


@dataclass(frozen=True, slots=True)
class Record:
    """The fields of one record, the line it starts on, its text, and what is wrong with it."""

    line: int
    fields: list[str]
    raw: str
    problem: str = ""


def read_rows(source: SourceConfig, plan: Plan) -> Iterator[RawRow]:
    """Rows of every file of the source; raises SourceError when a header lacks a column that the plan asks for."""
    for member in open_members(source, suffixes=SUFFIXES):
        yield from read_member(member, source, plan)


def read_records(member: Member, *, encoding: str, separator: str, has_quotes: bool = True) -> Iterator[Record]:
    """Records of one file; blank lines are skipped."""
    if len(separator) != 1:
        raise SourceError(f"separator {separator!r} is not one character; give one, such as ',' or a tab")
    lines = read_lines(member.open(), encoding, newline="" if has_quotes else "\n")
    return parse_lines(lines, separator, has_quotes=has_quotes)


def parse_lines(lines: Iterator[Line], separator: str, *, has_quotes: bool) -> Iterator[Record]:
    """Records of lines that were decoded already; blank lines are skipped."""
    return _quoted_records(lines, separator) if has_quotes else _plain_records(lines, separator)


def read_member(member: Member, source: SourceConfig, plan: Plan) -> Iterator[RawRow]:
    """Rows of one file of the source."""
    separator = "\t" if source.separator == "\\t" else source.separator
    records = read_records(member, encoding=source.encoding, separator=separator, has_quotes=source.has_quotes)
    header: list[str] | None = None
    if source.has_header:
        first = next(records, None)
        header = check_header(first, member.name, plan)
    names: list[str] = []
    for record in records:
        if record.problem:
            yield RawRow(member.name, record.line, raw=record.raw, problem=record.problem)
            continue
        if header is None and len(names) < len(record.fields):
            if not names:
                check_indexes(plan, len(record.fields), member.name)
            names = [str(index) for index in range(len(record.fields))]
        yield to_row(record, header or names, member.name, plan, is_named=header is not None)


def to_row(record: Record, names: list[str], file: str, plan: Plan, *, is_named: bool) -> RawRow:
    """A record that could be read, as a row; is_named: the names are those of a header, so that all must be there."""
    fields = record.fields
    values = dict(zip(names, fields, strict=False))
    problem = ""
    if is_named and (len(fields) < len(names) or any(fields[len(names) :])):
        problem = f"row has {len(fields)} fields, not the {len(names)} of the header: is a quote or a separator astray?"
    elif not is_named and (missing := [column for column in plan.asked if column not in values]):
        problem = f"row has {len(fields)} fields, so no column {missing[0]!r}"
    return RawRow(file, record.line, values, record.raw, problem)


def check_header(first: Record | None, file: str, plan: Plan) -> list[str]:
    """The names in the first record; raises SourceError where the plan's are not among them."""
    if first is None:
        raise SourceError(f"{file} is empty; it needs a header, or has_header = false")
    if first.problem:
        raise SourceError(f"the header of {file} can't be read: {first.problem}")
    header = [name.strip() for name in first.fields]
    hint = "; if line 1 is data, set has_header = false; if it is one column, check separator"
    check_columns(plan.asked, header, file=file, hint=hint)
    twice = [name for name in plan.asked if header.count(name) > 1]
    if twice:
        raise SourceError(f"{file} has {header.count(twice[0])} columns called {twice[0]!r}; rename all but one")
    return header


def check_indexes(plan: Plan, count: int, file: str) -> None:
    """Raise SourceError where the plan names a position that the first of a file's rows does not have."""
    hint = "; without a header, columns are called by their position, from '0'"
    check_columns(plan.asked, [str(index) for index in range(count)], file=file, hint=hint)


def _plain_records(lines: Iterator[Line], separator: str) -> Iterator[Record]:
    for line in lines:
        text = line.text.rstrip("\r\n")
        if line.problem or text:
            yield Record(line.number, text.split(separator), text, line.problem)


def _quoted_records(lines: Iterator[Line], separator: str) -> Iterator[Record]:
    csv.field_size_limit(MAX_FIELD)
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=separator, strict=True)
    while True:
        feed.taken.clear()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except (csv.Error, _EndlessRecordError) as error:
            # Reading on behind the first line again and again could take for ever: then all lines of the record are bad.
            wrong = [feed.keep_first()] if feed.may_reread else feed.taken
            for line in wrong:
                yield Record(line.number, [], line.text.rstrip("\r\n"), line.problem or _explain(str(error)))
            continue
        if fields:
            taken = feed.taken
            problem = next((line.problem for line in taken if line.problem), "")
            yield Record(taken[0].number, fields, "".join(line.text for line in taken).rstrip("\r\n"), problem)


def _explain(error: str) -> str:
    return f"not csv: {error}; double a quote within a quoted field, or set has_quotes = false if quotes mean nothing"


class _EndlessRecordError(Exception):
    """A record whose quotes never close."""


@dataclass
class _Feed:
    """Hands lines to csv.reader and remembers those of the current record, so that lines after a bad one count anew."""

    lines: Iterator[Line]
    taken: list[Line] = field(default_factory=list)
    waiting: list[Line] = field(default_factory=list)
    n_taken: int = 0
    n_read: int = 0
    n_reread: int = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = self.waiting.pop() if self.waiting else next(self.lines)
        self.n_taken = self.n_taken + len(line.text) if self.taken else len(line.text)
        self.n_read += len(line.text)
        self.taken.append(line)
        if self.n_taken > MAX_RECORD and len(self.taken) > 1:
            raise _EndlessRecordError(f"a record of more than {MAX_RECORD} characters")
        return line.text

    @property
    def may_reread(self) -> bool:
        """Whether the lines behind a bad one may be read again."""
        return self.n_reread <= REREAD_FREELY + 3 * (self.n_read - self.n_reread)

    def keep_first(self) -> Line:
        """Put all lines of the record but the first back, and return the first."""
        self.n_reread += self.n_taken - len(self.taken[0].text)
        self.waiting.extend(reversed(self.taken[1:]))
        return self.taken[0]
