"""Picks the questions that people should decide and writes them into a file. Reads the warehouse, which it migrates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tasks.contracts.catalog import Catalog
from tasks.contracts.errors import ConfigError, MissingInputError
from tasks.llm.redact import Redaction
from tasks.reviewing.answers import check_taxonomy
from tasks.reviewing.label_studio import write_tasks
from tasks.reviewing.question import ReviewQuestion, read_question
from tasks.reviewing.spreadsheet import write_spreadsheet
from warehouse.connection import DATABASE, Warehouse, open_warehouse
from warehouse.lock import hold_run_lock

Form = Literal["label-studio", "csv"]
REASONS = ("low-confidence", "disagreement", "dead-letter", "audit")
SUFFIXES: Mapping[str, Form] = {".json": "label-studio", ".csv": "csv"}
FEW_ROWS = 500


@dataclass
class Written:
    """n_questions written, and how many of them for each reason; a question may have several."""

    n_questions: int = 0
    by_reason: Counter[str] = field(default_factory=Counter)


def write_doubtful(
    folder: Path,
    catalogs: Sequence[Catalog],
    path: Path,
    *,
    task: str,
    form: Form,
    n: int,
    reasons: Sequence[str],
    includes_answered: bool,
) -> Written:
    """Write the n most doubtful questions of the catalogs, taking each reason in turn.

    The same warehouse gives the same file. Raises ConfigError for a file that exists, for it may hold answers, and
    MissingInputError where there is nothing to review yet; holds the run lock, since a run could not write meanwhile.
    """
    if path.exists():
        raise ConfigError(f"file {str(path)!r} exists and may hold people's answers; give another name or remove it")
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {str(path.parent)!r} for file {path.name!r}; create it first")
    if not (folder / DATABASE).exists():
        raise MissingInputError(
            f"there is no warehouse in {str(folder)!r} yet; run `nightjar run --catalog FILE` first"
        )
    if task == "topics":
        for catalog in catalogs:
            check_taxonomy([topic.name for topic in catalog.taxonomy])
    written = Written()
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with hold_run_lock(folder), open_warehouse(folder) as warehouse:
            questions = _pick(
                warehouse, catalogs, written, task=task, n=n, reasons=reasons, includes_answered=includes_answered
            )
            encoding = "utf-8-sig" if form == "csv" else "utf-8"
            with unfinished.open("w", encoding=encoding, newline="" if form == "csv" else "\n") as file:
                if form == "csv":
                    write_spreadsheet(questions, file, task=task)
                else:
                    write_tasks(questions, file)
        if written.n_questions:
            unfinished.replace(path)
    except OSError as error:
        raise ConfigError(f"file {str(path)!r} can't be written: {error.strerror}; give another name") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return written


def _pick(
    warehouse: Warehouse,
    catalogs: Sequence[Catalog],
    written: Written,
    *,
    task: str,
    n: int,
    reasons: Sequence[str],
    includes_answered: bool,
) -> Iterator[ReviewQuestion]:
    by_name = {catalog.name: catalog for catalog in catalogs}
    redactions = {
        name: Redaction.of((*catalog.redact, *(own.model_dump() for own in catalog.redact_patterns)))
        for name, catalog in by_name.items()
    }
    picked = warehouse.stream(
        "queries/review_pick",
        rows=FEW_ROWS,
        catalogs=sorted(by_name),
        task=task,
        reasons=list(dict.fromkeys(reasons)),
        n=n,
        again=includes_answered,
    )
    for frame in picked:
        for row in frame.to_dicts():
            written.n_questions += 1
            written.by_reason.update(row["why"])
            yield read_question(
                row, max_chars=by_name[row["catalog"]].text.max_chars, redact=redactions[row["catalog"]].apply
            )
