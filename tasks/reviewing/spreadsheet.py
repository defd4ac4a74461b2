"""Our CSV: doubtful questions written for a spreadsheet, and read back with what people filled in; plain gold files. Pure.

Written as UTF-8 with a byte order mark, which spreadsheets need to read it as such; cells that would start a formula are
defused. Read with any of , ; and tab as separator, since spreadsheets save with that of their country.

Plain gold has no question keys, and one of these headers (answer may be left out: true; what else there is is ignored):

    item_id,topic[,second_topic]   second_topic becomes the note
    item_a,item_b[,answer]
    user_id,item_id,grade
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TextIO

from tasks.contracts.errors import ConfigError
from tasks.reviewing.answers import Given, Refused, Row, Skipped, word_of
from tasks.reviewing.formulas import defuse, restore
from tasks.reviewing.question import ReviewQuestion

KEY_COLUMNS = ("catalog", "task", "question_key")
FILLED_COLUMNS = ("answer", "note", "reviewer")
SHOWN_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "topics": (),
    "similar": ("other_item_id", "other_title", "other_text"),
    "judge": ("profile",),
    "enrich": ("description",),
}
GOLD_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "topics": ("item_id", "topic"),
    "similar": ("item_a", "item_b"),
    "judge": ("user_id", "item_id", "grade"),
}
SEPARATORS = ",;\t"
MAX_FIELD = 10_000_000
HEADER_ROW = 1


def write_spreadsheet(questions: Iterable[ReviewQuestion], file: TextIO, *, task: str) -> int:
    """Write a header and one row a question; how many rows."""
    shown = SHOWN_COLUMNS[task]
    writer = csv.writer(file)
    writer.writerow((*KEY_COLUMNS, "item_id", "title", "text", *shown, "why", "labels", "confidence", *FILLED_COLUMNS))
    n_rows = 0
    for question in questions:
        cells = (
            *(getattr(question, name) for name in (*KEY_COLUMNS, "item_id", "title", "text", *shown)),
            ", ".join(question.why),
            _describe_opinions(question),
            "" if question.confidence is None else f"{question.confidence:.3f}",
        )
        writer.writerow([*map(defuse, cells), *("" for _ in FILLED_COLUMNS)])
        n_rows += 1
    return n_rows


def read_spreadsheet(file: TextIO) -> Iterator[Row]:
    """The answers of our CSV or of a plain gold file; rows are counted as a spreadsheet does, the header is row 1.

    file: opened with newline="". Raises ConfigError for a header that is neither.
    """
    reader, header = _read_header(file)
    task = _recognise(header)
    records = enumerate(_records(reader), start=HEADER_ROW + 1)
    for place, record in records:
        if isinstance(record, str):
            yield Refused(place, record)
            continue
        if not any(cell.strip() for cell in record):
            continue
        if len(record) > len(header) and any(cell.strip() for cell in record[len(header) :]):
            yield Refused(place, f"{len(record)} cells under a header of {len(header)}")
            continue
        cells = {name: restore(cell) for name, cell in zip(header, record, strict=False)}
        yield _read_ours(place, cells) if task is None else _read_gold(place, task, cells)


def is_gold(file: TextIO) -> bool:
    """Whether a file is plain gold, by its header; raises ConfigError where it is neither that nor ours. Rewinds it."""
    found = _recognise(_read_header(file)[1])
    file.seek(0)
    return found is not None


def _read_header(file: TextIO) -> tuple[Iterator[list[str]], list[str]]:
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(file, delimiter=_find_separator(file))
    try:
        return reader, [restore(name).strip().casefold() for name in next(reader, [])]
    except csv.Error as error:
        raise ConfigError(f"the header is no row of a CSV: {error}") from error


def _find_separator(file: TextIO) -> str:
    first = file.readline()
    file.seek(0)
    return max(SEPARATORS, key=first.count)


def _records(reader: Iterator[list[str]]) -> Iterator[list[str] | str]:
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield f"no row of a CSV: {error}"


def _recognise(header: list[str]) -> str | None:
    """The task of a plain gold file, None for a file of ours."""
    if all(name in header for name in (*KEY_COLUMNS, "answer")):
        return None
    for task in ("judge", "similar", "topics"):
        if all(name in header for name in GOLD_COLUMNS[task]):
            return task
    known = "; ".join(",".join(columns) for columns in GOLD_COLUMNS.values())
    raise ConfigError(
        f"columns {', '.join(header) or 'none'} are neither those of `nightjar review export` (catalog, task, question_key,"
        f" answer, …) nor those of plain gold ({known})"
    )


def _read_ours(place: int, cells: Mapping[str, str]) -> Row:
    if not cells.get("answer", "").strip():
        return Skipped(place, "no answer")
    time = cells.get("reviewed_at", "").strip()
    try:
        reviewed_at = read_time(time) if time else None
    except ValueError:
        return Refused(place, f"reviewed_at {time!r} is no time; write for example 2026-11-01T09:30:00Z")
    return Given(
        place,
        catalog=cells["catalog"].strip(),
        task=cells["task"].strip(),
        question_key=cells["question_key"].strip(),
        item_id=cells.get("item_id", ""),
        answer=cells["answer"],
        reviewer=cells.get("reviewer", "").strip(),
        note=cells.get("note", "").strip(),
        reviewed_at=reviewed_at,
    )


def _read_gold(place: int, task: str, cells: Mapping[str, str]) -> Row:
    first = {"topics": "item_id", "similar": "item_a", "judge": "item_id"}[task]
    word = {"topics": cells.get("topic", ""), "similar": cells.get("answer", "true"), "judge": cells.get("grade", "")}[
        task
    ]
    if not word.strip():
        return Skipped(place, "no answer")
    second_topic = cells.get("second_topic", "").strip()
    notes = (cells.get("note", "").strip(), f"second topic: {second_topic}" if second_topic else "")
    return Given(
        place,
        task=task,
        answer=word,
        item_id=cells.get(first, ""),
        other_item_id=cells.get("item_b", ""),
        user_id=cells.get("user_id", ""),
        reviewer=cells.get("reviewer", "").strip(),
        note="; ".join(filter(None, notes)),
    )


def read_time(text: str) -> datetime:
    """An ISO time as UTC without zone; one without a zone is taken as UTC. Raises ValueError for anything else."""
    time = datetime.fromisoformat(text)
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time


def _describe_opinions(question: ReviewQuestion) -> str:
    if question.task == "enrich":
        return "; ".join(said.labeler for said in question.opinions)
    return "; ".join(f"{said.labeler}: {word_of(said.answer)} ({said.confidence:.2f})" for said in question.opinions)
