"""The answers of several labelers to the same questions, checked once and held as arrays.

One row of the frame is one labeler's answer to one question; a null answer is an abstention, and a labeler who was
not asked has no row. Rows are sorted on the way in, so that their order never changes a result.
O(rows log rows) time, about 30 bytes a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.errors import ConfigError, StepError

IntVector = NDArray[np.int64]
FloatVector = NDArray[np.float64]
ABSTAINED = -1


@dataclass(frozen=True)
class Panel:
    """Answers as arrays, one entry a row, sorted by question and labeler.

    question and labeler: index into question_keys and labelers (both sorted); answer: index into classes, ABSTAINED
    for an abstention; weight: 0 or more; confidence: in [0, 1], NaN where not stated.
    """

    question_keys: pl.Series
    labelers: tuple[str, ...]
    classes: tuple[str, ...]
    question: IntVector
    labeler: IntVector
    answer: IntVector
    weight: FloatVector
    confidence: FloatVector

    @property
    def n_questions(self) -> int:
        """How many questions were put to anyone, abstentions included."""
        return len(self.question_keys)

    def drop_abstentions(self) -> Panel:
        """The same panel without the rows of abstentions; questions and labelers keep their indices."""
        kept = self.answer != ABSTAINED
        columns = ("question", "labeler", "answer", "weight", "confidence")
        return replace(self, **{name: getattr(self, name)[kept] for name in columns})

    def sum_by_question(self, values: FloatVector) -> FloatVector:
        """(n_questions,) sums of one value a row."""
        return np.bincount(self.question, weights=values, minlength=self.n_questions).astype(np.float64)

    def count_answers(self) -> IntVector:
        """(n_questions,) how many labelers gave an answer."""
        answered = self.question[self.answer != ABSTAINED]
        return np.bincount(answered, minlength=self.n_questions).astype(np.int64)


def read_panel(answers: pl.DataFrame, classes: Sequence[str]) -> Panel:
    """Checked answers as arrays.

    answers: question_key (str), labeler (str), answer (str, null = abstention) and, where there are any, confidence
    (f64 in [0, 1], null = not stated) and weight (f64, 0 or more). classes: every answer there may be, in order.
    Raises ConfigError for classes that are empty or repeat, StepError for an unknown class, a repeated answer or a
    value outside its range, with the value.
    """
    check_classes(classes)
    rows = _read_columns(answers)
    _check_rows(rows, classes)
    keys = rows["question_key"].unique().sort()
    labelers = rows["labeler"].unique().sort()
    codes = rows.select(
        pl.col("question_key").rank("dense").cast(pl.Int64) - 1,
        pl.col("labeler").rank("dense").cast(pl.Int64) - 1,
        code_of("answer", classes).fill_null(ABSTAINED),
    )
    return Panel(
        question_keys=keys,
        labelers=tuple(labelers.to_list()),
        classes=tuple(classes),
        question=codes["question_key"].to_numpy(),
        labeler=codes["labeler"].to_numpy(),
        answer=codes["answer"].to_numpy(),
        weight=rows["weight"].to_numpy(),
        confidence=rows["confidence"].fill_null(np.nan).to_numpy(),
    )


def check_classes(classes: Sequence[str]) -> None:
    """Raise ConfigError where classes are empty or repeat."""
    if not classes:
        raise ConfigError("classes are empty; name every answer that a labeler may give")
    repeated = [name for place, name in enumerate(classes) if name in classes[:place]]
    if repeated:
        raise ConfigError(f"class {repeated[0]!r} stands twice in {', '.join(classes)}; name each once")


def code_of(column: str, classes: Sequence[str]) -> pl.Expr:
    """The place of a column's value in classes as Int64, null for null."""
    return pl.col(column).replace_strict(list(classes), list(range(len(classes))), default=None, return_dtype=pl.Int64)


def _read_columns(answers: pl.DataFrame) -> pl.DataFrame:
    missing = [name for name in ("question_key", "labeler", "answer") if name not in answers.columns]
    if missing:
        raise StepError(f"answers lack the column {missing[0]!r}; they have {', '.join(answers.columns) or 'none'}")
    optional = {"confidence": pl.lit(None, dtype=pl.Float64), "weight": pl.lit(1.0)}
    absent = {name: value for name, value in optional.items() if name not in answers.columns}
    rows = answers.with_columns(**absent).select(
        pl.col("question_key", "labeler", "answer").cast(pl.String),
        pl.col("confidence", "weight").cast(pl.Float64),
    )
    return rows.with_columns(pl.col("weight").fill_null(1.0)).sort("question_key", "labeler")


def _check_rows(rows: pl.DataFrame, classes: Sequence[str]) -> None:
    for name in ("question_key", "labeler"):
        if rows[name].null_count():
            raise StepError(f"{rows[name].null_count()} answers have no {name}; every answer needs one")
    answer, confidence, weight = pl.col("answer"), pl.col("confidence"), pl.col("weight")
    _refuse(rows.filter(answer.is_not_null() & ~answer.is_in(list(classes))), "answer", f"one of {', '.join(classes)}")
    _refuse(rows.filter(~confidence.is_between(0, 1)), "confidence", "a number from 0 to 1, or null")
    _refuse(rows.filter(~((weight >= 0) & weight.is_finite())), "weight", "0 or more")
    keys = rows.select("question_key", "labeler")
    repeated = rows.filter((keys == keys.shift(1)).fold(lambda first, second: first & second).fill_null(value=False))
    if len(repeated):
        question, labeler = repeated["question_key"][0], repeated["labeler"][0]
        raise StepError(f"labeler {labeler!r} answers question {question!r} twice; keep one row")


def _refuse(wrong: pl.DataFrame, column: str, expected: str) -> None:
    if len(wrong):
        row = wrong.row(0, named=True)
        raise StepError(
            f"{column} {row[column]!r} of labeler {row['labeler']!r} to question {row['question_key']!r}; "
            f"expected {expected}"
        )
