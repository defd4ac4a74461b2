"""Figures on labels from counts that the warehouse made: accuracy, precision, kappas, alpha, reliability. Pure.

Shares have Wilson's interval; kappas and alpha a bootstrap over questions, of judged pairs over whom they are about, because
one person's pairs are alike. Time and memory O(distinct answers), whatever the number of labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.agreement.measures import (
    alpha_of_coincidences,
    cohen_kappa,
    coincidences,
    estimate,
    raw_agreement,
    resample_counts,
    weighted_kappa,
)
from tasks.reporting.page import Figure, Matrix, Pair, Point, Reliability
from tasks.student.intervals import wilson_interval
from tasks.student.reliability import ReliabilityBin, assess_calibration

NONE = "(none of these)"
OTHER = "(other)"
GRADES = ("0", "1", "2", "3")
FIXED = {"judge": GRADES, "similar": ("false", "true")}
"""Answers that there always may be, by task."""
SEED = 11
N_RESAMPLES = 1000
MAX_NAMES = 24

Counts = Mapping[tuple[str, str], int]
"""How often two answers were given to the same question."""
Floats = NDArray[np.float64]


def share(name: str, n_of: int, n: int) -> Figure:
    """A share with its interval; NaN for n = 0."""
    if not n:
        return Figure(name, np.nan, np.nan, np.nan, 0)
    low, high = wilson_interval(n_of, n)
    return Figure(name, n_of / n, low, high, n)


def accuracy(counts: Counts, name: str = "accuracy") -> Figure:
    """How often both answers are the same; an abstention is right where people say that nothing fits."""
    return share(name, sum(n for (truth, answer), n in counts.items() if truth == answer), sum(counts.values()))


def precision_and_recall(counts: Counts) -> tuple[Figure, Figure]:
    """Of pairs said to be similar, how many are; of those that are, how many were found. Keys: (truth, answer)."""
    found = counts.get(("true", "true"), 0)
    said = sum(n for (_, answer), n in counts.items() if answer == "true")
    are = sum(n for (truth, _), n in counts.items() if truth == "true")
    return share("precision", found, said), share("recall", found, are)


def quadratic_kappa(rows: Iterable[tuple[str, str, str]]) -> Figure:
    """Agreement with people on grades, chance and distance allowed for; rows: (asker, truth, answer). Askers are resampled."""
    tables = tables_by_asker(rows)
    value = float(weighted_kappa(tables.sum(axis=0)))
    draws = resample_counts(
        np.ones(len(tables)),
        lambda drawn: weighted_kappa(np.tensordot(drawn, tables, axes=1)),
        seed=SEED,
        n_resamples=N_RESAMPLES,
    )
    found = estimate(value, draws, n=int(tables.sum()), level=0.95)
    return Figure("quadratic kappa", found.value, found.low, found.high, found.n, is_share=False)


def tables_by_asker(rows: Iterable[tuple[str, str, str]]) -> Floats:
    """(askers, 4, 4) counts of truth and answer; answers that are no grade are left out."""
    places: dict[str, int] = {}
    cells = Counter[tuple[int, int, int]]()
    for asker, truth, answer in rows:
        if truth in GRADES and answer in GRADES:
            cells[places.setdefault(asker, len(places)), GRADES.index(truth), GRADES.index(answer)] += 1
    tables = np.zeros((len(places), len(GRADES), len(GRADES)))
    for cell, n in cells.items():
        tables[cell] = n
    return tables


def alpha(compositions: Sequence[tuple[Sequence[str], int]], *, is_ordinal: bool) -> Figure:
    """Krippendorff's alpha of all labelers from (answers to one question, how many such questions)."""
    names = sorted({answer for answers, _ in compositions for answer in answers})
    kinds = np.array([[list(answers).count(name) for name in names] for answers, _ in compositions], dtype=np.float64)
    counts = np.array([n for _, n in compositions], dtype=np.float64)
    n = int(counts.sum())
    if len(names) < 2:
        return Figure("Krippendorff's alpha", np.nan, np.nan, np.nan, n, is_share=False)
    of_kind, shape = coincidences(kinds), (-1, len(names), len(names))

    def measure(drawn: Floats) -> Floats:
        return alpha_of_coincidences((drawn @ of_kind).reshape(shape), is_ordinal=is_ordinal)

    draws = resample_counts(counts, measure, seed=SEED, n_resamples=N_RESAMPLES)
    found = estimate(float(measure(counts[None, :])[0]), draws, n=n, level=0.95)
    return Figure("Krippendorff's alpha", found.value, found.low, found.high, n, is_share=False)


def compare_pair(first: str, second: str, counts: Counts, *, is_ordinal: bool) -> Pair:
    """Raw agreement, Cohen's kappa and for grades the quadratic one; abstentions are left out."""
    given = {answers: n for answers, n in counts.items() if NONE not in answers}
    names = sorted({answer for answers in given for answer in answers})
    table = np.zeros((len(names), len(names)))
    for (one, other), n in given.items():
        table[names.index(one), names.index(other)] = n
    measures = [("agreement", raw_agreement, True), ("kappa", cohen_kappa, False)]
    if is_ordinal:
        grades = [GRADES.index(name) for name in names]
        spread = np.zeros((len(GRADES), len(GRADES)))
        spread[np.ix_(grades, grades)] = table
        table = spread
        measures.append(("quadratic kappa", weighted_kappa, False))
    size, n_both = len(table), int(table.sum())
    figures = []
    for name, measure, is_share in measures:
        draws = resample_counts(
            table.ravel(),
            lambda drawn, measure=measure: measure(drawn.reshape(-1, size, size)),  # type: ignore[misc]
            seed=SEED,
            n_resamples=N_RESAMPLES,
        )
        found = estimate(float(measure(table)) if n_both else np.nan, draws, n=n_both, level=0.95)
        figures.append(Figure(name, found.value, found.low, found.high, n_both, is_share=is_share))
    return Pair(first, second, n_both, tuple(figures))


def make_matrix(counts: Counts, *, row_title: str, column_title: str, classes: Sequence[str] = ()) -> Matrix:
    """A square table, names in order and abstentions last; beyond MAX_NAMES answers the rarest are put together.

    classes: answers that have their row and column also where nobody gave them.
    """
    often = Counter[str](dict.fromkeys(classes, 0))
    for answers, n in counts.items():
        for answer in answers:
            often[answer] += n
    kept = {name for name, _ in often.most_common(MAX_NAMES)} | ({NONE} & set(often))
    names = [*sorted(kept - {NONE}), *([OTHER] if len(often) > len(kept) else []), *sorted(kept & {NONE})]
    table = [[0] * len(names) for _ in names]
    for (row, column), n in counts.items():
        table[names.index(row if row in kept else OTHER)][names.index(column if column in kept else OTHER)] += n
    return Matrix(row_title, column_title, tuple(names), tuple(tuple(row) for row in table))


def assess_reliability(voice: str, confidence: Floats, is_right: NDArray[np.bool_]) -> Reliability:
    """Bins of equal count before and after calibration; with fewer than 100 answers bins of about ten."""
    report = assess_calibration(confidence, is_right, seed=SEED, bins=max(3, min(10, len(confidence) // 10)))
    return Reliability(
        voice, report.n, report.error_before, report.error_after, _points(report.before), _points(report.after)
    )


def _points(bins: Sequence[ReliabilityBin]) -> tuple[Point, ...]:
    found = []
    for one in bins:
        low, high = wilson_interval(round(one.accuracy * one.n), one.n)
        found.append(Point(one.confidence, one.accuracy, low, high, one.n))
    return tuple(found)
