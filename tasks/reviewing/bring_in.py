"""Brings in what people answered: reads a file, checks each answer, and keeps all that fit in one transaction.

Reads a spreadsheet's CSV, Label Studio's JSON or JSON-MIN, or plain gold; writes human_labels. Bringing in the same file
twice changes nothing. Of one reviewer's answers to a question the latest counts; the earlier ones stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from tasks.contracts.catalog import Catalog
from tasks.contracts.errors import MissingInputError
from tasks.reviewing.answer_file import AnswerFile, open_answers
from tasks.reviewing.answers import TASKS, AnswerError, Given, Refused, Skipped, check_taxonomy, read_answer
from warehouse.clock import utc_now
from warehouse.connection import DATABASE, Warehouse, open_warehouse
from warehouse.lock import hold_run_lock

GOLD_REVIEWER = "gold"
CHUNK_ROWS = 20_000
INCOMING: Mapping[str, Any] = {
    "place": pl.Int64,
    "catalog": pl.String,
    "task": pl.String,
    "question_key": pl.String,
    "item_id": pl.String,
    "other_item_id": pl.String,
    "user_id": pl.String,
    "answer": pl.String,
    "reviewer": pl.String,
    "note": pl.String,
    "reviewed_at": pl.Datetime("us"),
    "source": pl.String,
    "problem": pl.String,
}


@dataclass(frozen=True)
class BroughtIn:
    """What became of a file's rows.

    outcomes: n_rows by outcome (imported, unchanged, refused), catalog, task and problem. skipped: how many rows hold no
    answer, by reason. refused: each refused row with its place in the file and the problem.
    """

    outcomes: pl.DataFrame
    skipped: Mapping[str, int]
    refused: pl.DataFrame

    def count(self, outcome: str) -> int:
        """Rows with an outcome."""
        return int(self.outcomes.filter(pl.col("outcome") == outcome)["n_rows"].sum())


@dataclass(frozen=True)
class Reviewers:
    """Who answered: `default` where the file names nobody ("": then it is an error), `renamed` maps the file's names."""

    default: str = ""
    renamed: Mapping[str, str] | None = None

    def name(self, stated: str) -> str:
        """Who is recorded for the name that the file states."""
        return (self.renamed or {}).get(stated, stated) or self.default


def bring_in(folder: Path, catalogs: Sequence[Catalog], path: Path, *, reviewers: Reviewers) -> BroughtIn:
    """Check and keep the answers of a file.

    Raises ConfigError for a file that can't be read at all, or plain gold for other than one catalog; MissingInputError
    without a warehouse; LockedError while a run works. Nothing is kept unless all that fits is.
    """
    if not (folder / DATABASE).exists():
        raise MissingInputError(
            f"there is no warehouse in {str(folder)!r} yet; run `nightjar run --catalog FILE` first"
        )
    skipped: Counter[str] = Counter()
    with (
        open_answers(path, [catalog.name for catalog in catalogs]) as answers,
        hold_run_lock(folder),
        open_warehouse(folder) as warehouse,
        warehouse.transaction(),
    ):
        warehouse.run("queries/review_stage")
        staged = _stage(answers, {catalog.name: catalog for catalog in catalogs}, reviewers, skipped)
        while rows := list(islice(staged, CHUNK_ROWS)):
            warehouse.insert("review_incoming", pl.DataFrame(rows, schema=INCOMING))
        return _land(warehouse, skipped)


def _land(warehouse: Warehouse, skipped: Mapping[str, int]) -> BroughtIn:
    now = utc_now()
    warehouse.run("queries/review_resolve", now=now)
    warehouse.run("queries/review_land", now=now)
    return BroughtIn(
        outcomes=warehouse.query("queries/review_outcomes"),
        skipped=skipped,
        refused=warehouse.query("queries/review_refused"),
    )


def _stage(
    answers: AnswerFile, catalogs: Mapping[str, Catalog], reviewers: Reviewers, skipped: Counter[str]
) -> Iterator[dict[str, Any]]:
    """Rows of review_incoming; what holds no answer is counted."""
    topics = {name: _topics(catalog) for name, catalog in catalogs.items()}
    for row in answers.rows:
        if isinstance(row, Skipped):
            skipped[row.reason] += 1
        elif isinstance(row, Refused):
            yield _incoming(answers, row.place, problem=row.problem)
        else:
            yield _check(row, answers, topics, reviewers)


def _check(
    given: Given, answers: AnswerFile, topics: Mapping[str, Sequence[str]], reviewers: Reviewers
) -> dict[str, Any]:
    catalog = given.catalog or answers.catalog
    reviewer = reviewers.name(given.reviewer) or (GOLD_REVIEWER if answers.is_gold else "")
    answer, problem = None, None
    if given.task not in TASKS:
        problem = f"unknown task {given.task!r}; expected one of {', '.join(TASKS)}"
    elif catalog not in topics:
        problem = f"catalog {catalog!r} is none of {', '.join(topics)}"
    elif not reviewer:
        problem = "no reviewer; fill that column or say --reviewer NAME"
    else:
        try:
            answer = read_answer(given.task, given.answer, topics[catalog])
        except AnswerError as error:
            problem = str(error)
    return _incoming(
        answers,
        given.place,
        catalog=catalog,
        task=given.task,
        question_key=None if answers.is_gold else given.question_key,
        item_id=given.item_id or None,
        other_item_id=given.other_item_id or None,
        user_id=given.user_id or None,
        answer=answer,
        reviewer=reviewer,
        note=given.note,
        reviewed_at=given.reviewed_at,
        problem=problem,
    )


def _incoming(answers: AnswerFile, place: int, **values: Any) -> dict[str, Any]:
    empty = {"catalog": "", "task": "", "reviewer": "", "note": ""}
    return {**dict.fromkeys(INCOMING), **empty, "place": place, "source": answers.source, **values}


def _topics(catalog: Catalog) -> tuple[str, ...]:
    names = tuple(topic.name for topic in catalog.taxonomy)
    check_taxonomy(names)
    return names
