"""Everybody's evidence on an item, put together into one class, how sure it is, and whose answer it is. Pure.

The posterior of class c is, up to a factor,

    student(c)^(1 - s) pooled(c)^s  *  P(cheap's answer | c)  *  P(strong's answer | c)  *  P(person's answer | c)

The student and a labeler that looks at the same vectors share their mistakes, so their probabilities are averaged in logs
(a logarithmic opinion pool, Genest & Zidek 1986) instead of multiplied. Labelers that read the text err for reasons of their
own: their answers come in as likelihoods by their error rates (Dawid & Skene 1979 with known rates). A strong model that errs
in one of fifteen answers is thus overruled by a student and a cheap labeler that are both far surer than that.

Give the student's out-of-fold probabilities for items that it has learned from; its own repeat the label.
Time O(n K), memory O(n K).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.errors import LabelerError
from tasks.student.arrays import Codes, Flags, Floats, check_length, check_probabilities, check_share

UNANSWERED = -1

_TINY = 1e-12


class Source(StrEnum):
    """Whose answer the decision is: the strongest witness that gave it. DISPUTED: nobody's yet; ask the next tier."""

    STUDENT = "student"
    CHEAP = "cheap"
    STRONG = "strong"
    PEOPLE = "people"
    DISPUTED = "disputed"


@dataclass(frozen=True, eq=False)
class Answers:
    """One labeler's answers: codes, shape (n,), columns of the student's probabilities, or UNANSWERED (-1).

    error: its error rate, in [0, 1), spread evenly over the other classes; or its confusion matrix, shape (K, K), row c the
    probabilities of its answers when c is true.
    """

    codes: Codes
    error: float | Floats


@dataclass(frozen=True, eq=False)
class Decisions:
    """codes (n,): the decided column; confidence (n,): its posterior, in (0, 1]; sources (n,); posterior (n, K).

    A disputed item has a code too, the best guess so far.
    """

    codes: Codes
    confidence: Floats
    sources: list[Source]
    posterior: Floats


def decide(
    student: Floats,
    *,
    pooled: Floats | None = None,
    pooled_share: float = 0.5,
    cheap: Answers | None = None,
    strong: Answers | None = None,
    people: Answers | None = None,
    threshold: float = math.inf,
    min_confidence: float = 0.5,
) -> Decisions:
    """Decide every item. student: probabilities, shape (n, K), rows sum to 1.

    pooled (n, K): probabilities of a labeler that sees what the student sees, such as the embedded one; rows of zeros where it
    did not answer. pooled_share, in [0, 1): its share in the pool.
    threshold: where the student's highest probability reaches it and neither strong nor people answered, its answer stands
    unasked, as promised by `choose_threshold`. min_confidence: a posterior below it is disputed unless a person answered.

    Disputed is an item that neither the student (at its threshold), nor the strong model, nor a person has settled, and on
    which the student and whoever is cheap differ, or which nobody cheap has seen.

    Raises LabelerError for arrays that do not fit or rates out of range.
    """
    check_probabilities(student.ravel(), "the student's probability")
    check_share(pooled_share, "pooled_share", closed=True)
    log_posterior = np.log(np.maximum(student, _TINY))
    seen = np.zeros(len(student), dtype=np.bool_)
    cheap_codes = np.full(len(student), UNANSWERED, dtype=np.intp)
    by_strong, by_people = _codes_of(strong, len(student)), _codes_of(people, len(student))
    is_asked = (by_strong != UNANSWERED) | (by_people != UNANSWERED)
    stands: Flags = (student.max(axis=1, initial=0.0) >= threshold) & ~is_asked
    if pooled is not None:
        seen = _mix_in(log_posterior, pooled, share=pooled_share, passed=stands)
        cheap_codes[seen] = pooled[seen].argmax(axis=1)
    for answers in (cheap, strong, people):
        if answers is not None:
            _weigh_in(log_posterior, answers, passed=stands if answers is cheap else None)
    if cheap is not None:
        cheap_codes = np.where(cheap.codes == UNANSWERED, cheap_codes, cheap.codes)
    posterior = np.exp(log_posterior - log_posterior.max(axis=1, keepdims=True))
    posterior /= posterior.sum(axis=1, keepdims=True)
    codes = posterior.argmax(axis=1)
    confidence = posterior[np.arange(len(codes)), codes]
    sources = _name_sources(
        codes,
        student=student.argmax(axis=1),
        stands=stands,
        cheap=cheap_codes,
        strong=by_strong,
        people=by_people,
        is_doubtful=confidence < min_confidence,
    )
    return Decisions(codes, confidence, sources, posterior)


def _mix_in(log_posterior: Floats, pooled: Floats, *, share: float, passed: Flags) -> Flags:
    """Average the logs where the labeler answered, but for what has passed; returns where it answered."""
    if pooled.shape != log_posterior.shape:
        raise LabelerError(f"pooled has shape {pooled.shape}, expected {log_posterior.shape}; give it the same columns")
    check_probabilities(pooled.ravel(), "pooled probability")
    seen: Flags = pooled.sum(axis=1) > 0
    mixed = seen & ~passed
    log_posterior[mixed] = (1 - share) * log_posterior[mixed] + share * np.log(np.maximum(pooled[mixed], _TINY))
    return seen


def _weigh_in(log_posterior: Floats, answers: Answers, *, passed: Flags | None) -> None:
    n_columns = log_posterior.shape[1]
    check_length(answers.codes, len(log_posterior), "answers")
    if len(answers.codes) and not -1 <= answers.codes.min() <= answers.codes.max() < n_columns:
        raise LabelerError(
            f"answers run from {answers.codes.min()} to {answers.codes.max()}; expected -1 to {n_columns - 1}"
        )
    likelihood = _confusion(answers.error, n_columns)
    given = answers.codes != UNANSWERED
    if passed is not None:
        given &= ~passed
    log_posterior[given] += np.log(np.maximum(likelihood[:, answers.codes[given]].T, _TINY))


def _confusion(error: float | Floats, n_columns: int) -> Floats:
    if isinstance(error, np.ndarray):
        if error.shape != (n_columns, n_columns) or not np.allclose(error.sum(axis=1), 1):
            raise LabelerError(f"a confusion matrix of shape {error.shape}; give {n_columns} rows that sum to 1")
        return error
    check_share(error, "an error rate", closed=True)
    matrix = np.full((n_columns, n_columns), error / max(n_columns - 1, 1))
    np.fill_diagonal(matrix, 1 - error)
    return matrix


def _codes_of(answers: Answers | None, n: int) -> Codes:
    return np.full(n, UNANSWERED, dtype=np.intp) if answers is None else answers.codes


def _name_sources(
    codes: Codes, *, student: Codes, stands: Flags, cheap: Codes, strong: Codes, people: Codes, is_doubtful: Flags
) -> list[Source]:
    by_people: NDArray[np.bool_] = people != UNANSWERED
    agreed = (cheap == student) & (cheap == codes)
    settled = by_people | stands | (((strong != UNANSWERED) | agreed) & ~is_doubtful)
    # The strongest witness of the decided class; an agreement that the student could not vouch for alone is the cheap one's.
    witnesses = [
        (Source.STUDENT, stands),
        (Source.PEOPLE, by_people & (people == codes)),
        (Source.STRONG, strong == codes),
        (Source.CHEAP, cheap == codes),
        (Source.STUDENT, student == codes),
    ]
    numbers = np.select([settled & said for _, said in witnesses], range(len(witnesses)), default=len(witnesses))
    names = [*(name for name, _ in witnesses), Source.DISPUTED]
    return [names[number] for number in numbers.tolist()]
