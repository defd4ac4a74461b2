"""Which human answers can be learned from, in which groups; and the rule by which gold may overturn the default.

Human answers to questions of one group (a query, a user) tell more of that group than of the next. So what gold
teaches is tried on groups that it did not come from, and a variant replaces the default only if it gains more than one
standard error over it (the one-standard-error rule, Breiman et al. 1984; the error by the jackknife over groups).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.agreement.panel import FloatVector, IntVector, Panel, code_of
from tasks.contracts.errors import StepError

MIN_GOLD = 50
N_FOLDS = 10


@dataclass(frozen=True)
class Gold:
    """Human answers to questions that a labeler answered: places in the panel, codes of classes, codes of groups."""

    question: IntVector
    answer: IntVector
    group: IntVector

    def take(self, chosen: NDArray[np.bool_]) -> Gold:
        """The chosen rows."""
        return Gold(self.question[chosen], self.answer[chosen], self.group[chosen])


def read_gold(panel: Panel, gold: pl.DataFrame, *, seed: int) -> Gold:
    """Gold that joins the panel's answered questions.

    gold: question_key, answer (str, one of the panel's classes; null = not known) and, where questions come in groups,
    group (str). Without groups the questions are dealt into N_FOLDS by the seed. Raises StepError for an unknown
    class, a missing column or a question that stands twice.
    """
    missing = [name for name in ("question_key", "answer") if name not in gold.columns]
    if missing:
        raise StepError(f"gold lacks the column {missing[0]!r}; it has {', '.join(gold.columns) or 'none'}")
    rows = gold.filter(pl.col("answer").is_not_null()).with_columns(pl.col("question_key", "answer").cast(pl.String))
    wrong = rows.filter(~pl.col("answer").is_in(list(panel.classes)))
    if len(wrong):
        raise StepError(
            f"gold answer {wrong['answer'][0]!r} to question {wrong['question_key'][0]!r}; "
            f"expected one of {', '.join(panel.classes)}"
        )
    repeated = rows.filter(pl.col("question_key").is_duplicated())
    if len(repeated):
        raise StepError(f"gold answers question {repeated['question_key'].sort()[0]!r} twice; keep one row")
    answered = pl.DataFrame({"question_key": panel.question_keys, "n": panel.count_answers()}).with_row_index("place")
    joined = rows.join(answered.filter(pl.col("n") > 0), on="question_key").sort("question_key")
    codes = joined.select(pl.col("place").cast(pl.Int64), code_of("answer", panel.classes))
    if "group" in gold.columns:
        group = joined["group"].cast(pl.String).fill_null("").rank("dense").cast(pl.Int64).to_numpy() - 1
    else:
        group = np.random.default_rng(seed).permutation(len(joined)).astype(np.int64) % N_FOLDS
    return Gold(codes["place"].to_numpy(), codes["answer"].to_numpy(), group)


def explain_too_little(gold: Gold) -> str | None:
    """Why nothing can be learned from this gold, or None if something can."""
    if len(gold.answer) < MIN_GOLD:
        return f"gold answers {len(gold.answer)} of the questions; learning needs {MIN_GOLD}"
    if len(np.unique(gold.answer)) < 2:
        return "all gold answers are the same; learning needs two classes"
    if len(np.unique(gold.group)) < 2:
        return "all gold comes from one group; learning needs two"
    return None


def choose_variant(
    gold: Gold,
    variants: Sequence[str],
    predict: Callable[[Gold], dict[str, IntVector]],
    measure: Callable[[IntVector, IntVector], float],
) -> str:
    """The first of the variants, from plain to elaborate, that lies within a standard error of the best.

    predict: gold of the other groups to the answers of each variant to ALL questions; measure: (gold, answers) to a
    figure of which more is better. Every group is predicted once without its own gold. Runs predict once a group.
    """
    held_out: dict[str, IntVector] = {name: np.zeros(len(gold.answer), dtype=np.int64) for name in variants}
    groups = np.unique(gold.group)
    for group in groups:
        is_out = gold.group == group
        answers = predict(gold.take(~is_out))
        for name in variants:
            held_out[name][is_out] = answers[name][gold.question[is_out]]
    figures = {name: _measure(measure, gold.answer, held_out[name]) for name in variants}
    best = max(variants, key=lambda name: figures[name])
    for name in variants:
        without = [gold.group != group for group in groups]
        gains: FloatVector = np.array(
            [
                _measure(measure, gold.answer[kept], held_out[best][kept])
                - _measure(measure, gold.answer[kept], held_out[name][kept])
                for kept in without
            ]
        )
        spread = np.sqrt((len(groups) - 1) / len(groups) * np.sum((gains - gains.mean()) ** 2))
        if figures[best] - figures[name] <= spread:
            return name
    return best


def _measure(measure: Callable[[IntVector, IntVector], float], gold: IntVector, answers: IntVector) -> float:
    return float(np.nan_to_num(measure(gold, answers), nan=0.0))
