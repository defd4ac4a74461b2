"""How far labelers agree: pair by pair, all together, and where they differ.

Agreement is measured on the questions that both labelers answered; an abstention is no answer and counts nowhere but
in the confusion table and in n_abstained. O(rows) for a pair, so O(labelers * rows) for all pairs; see measures for
the intervals and for what is undefined (NaN in dataclasses, null in frames).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import krippendorff
import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.agreement.measures import (
    Estimate,
    alpha_of_coincidences,
    check_resampling,
    cohen_kappa,
    coincidences,
    compositions_of,
    estimate,
    raw_agreement,
    resample_counts,
    tabulate,
    weighted_kappa,
)
from tasks.agreement.panel import ABSTAINED, Panel, read_panel
from tasks.contracts.errors import ConfigError, StepError

NONE = "none"
MEASURES = {"agreement": raw_agreement, "kappa": cohen_kappa, "weighted_kappa": weighted_kappa}
PAIRS_SCHEMA: dict[str, type[pl.DataType]] = {
    "first": pl.String,
    "second": pl.String,
    "n_answered": pl.Int64,
    "n_abstained": pl.Int64,
} | {f"{name}{part}": pl.Float64 for name in MEASURES for part in ("", "_low", "_high")}


@dataclass(frozen=True)
class PairAgreement:
    """Two labelers on the questions both were asked: n_answered by both, n_abstained by at least one of them.

    agreement in [0, 1]; kappa and weighted_kappa in [-1, 1]; weighted_kappa is NaN for nominal answers.
    """

    first: str
    second: str
    n_answered: int
    n_abstained: int
    agreement: Estimate
    kappa: Estimate
    weighted_kappa: Estimate


def measure_pair(
    answers: pl.DataFrame,
    first: str,
    second: str,
    *,
    classes: Sequence[str],
    is_ordinal: bool,
    seed: int,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> PairAgreement:
    """Raw agreement and kappas of two labelers (Cohen 1960, 1968), with percentile intervals over questions.

    answers: see read_panel. classes in ascending order where is_ordinal. Raises StepError for a labeler without a row.
    """
    check_resampling(n_resamples, level)
    panel = read_panel(answers, classes)
    rows = _rows_by_labeler(panel)
    return _measure(
        panel, rows, _place(panel, first), _place(panel, second), is_ordinal, _Draw(seed, n_resamples, level)
    )


def measure_pairs(
    answers: pl.DataFrame,
    *,
    classes: Sequence[str],
    is_ordinal: bool,
    seed: int,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> pl.DataFrame:
    """measure_pair of every pair of labelers: columns of PAIRS_SCHEMA, sorted by first, second; undefined is null."""
    check_resampling(n_resamples, level)
    panel = read_panel(answers, classes)
    rows, draw = _rows_by_labeler(panel), _Draw(seed, n_resamples, level)
    table = []
    for first, second in combinations(range(len(panel.labelers)), 2):
        pair = _measure(panel, rows, first, second, is_ordinal, draw)
        cells: dict[str, object] = {name: getattr(pair, name) for name in list(PAIRS_SCHEMA)[:4]}
        for name in MEASURES:
            found: Estimate = getattr(pair, name)
            cells |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
        table.append(cells)
    return pl.DataFrame(table, schema=PAIRS_SCHEMA).with_columns(pl.col(pl.Float64).fill_nan(None))


def measure_alpha(
    answers: pl.DataFrame,
    *,
    classes: Sequence[str],
    is_ordinal: bool,
    seed: int,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> Estimate:
    """Krippendorff's alpha of all labelers together (Krippendorff 2011), ordinal or nominal, with its interval.

    Answers may be missing. n is the number of questions with two answers or more; 1 is perfect agreement, 0 is chance.
    The value is that of the library `krippendorff`; the resamples use the same formula on coincidence matrices.
    """
    check_resampling(n_resamples, level)
    panel = read_panel(answers, classes).drop_abstentions()
    counted = compositions_of(panel.question, panel.answer, (panel.n_questions, len(classes)))
    counted = counted[counted.sum(axis=1) >= 2]
    n = len(counted)
    if np.count_nonzero(counted.sum(axis=0)) < 2:
        return Estimate(np.nan, np.nan, np.nan, n)
    kinds, counts = np.unique(counted, axis=0, return_counts=True)
    scale = "ordinal" if is_ordinal else "nominal"
    value = float(krippendorff.alpha(value_counts=counted.astype(np.int64), level_of_measurement=scale))
    of_kind, shape = coincidences(kinds), (-1, len(classes), len(classes))
    resampled = resample_counts(
        counts.astype(np.float64),
        lambda drawn: alpha_of_coincidences((drawn @ of_kind).reshape(shape), is_ordinal=is_ordinal),
        seed=seed,
        n_resamples=n_resamples,
    )
    return estimate(value, resampled, n=n, level=level)


def count_confusion(answers: pl.DataFrame, first: str, second: str, *, classes: Sequence[str]) -> pl.DataFrame:
    """Counts of the first labeler's answers (rows) against the second's (columns), abstentions as "none".

    Columns: answer (the classes in order, then "none"), then one Int64 column a class, and "none". Questions that only
    one of them was asked are left out. Raises ConfigError where a class is itself called "none".
    """
    if NONE in classes:
        raise ConfigError(f"class {NONE!r} can't be told from an abstention in a confusion table; rename the class")
    panel = read_panel(answers, classes)
    rows = _rows_by_labeler(panel)
    left, right = _shared(panel, rows[_place(panel, first)], rows[_place(panel, second)])
    size = len(classes) + 1
    table = tabulate(left % size, right % size, size).astype(np.int64)
    names = [*classes, NONE]
    return pl.DataFrame({"answer": names} | {name: table[:, column] for column, name in enumerate(names)})


@dataclass(frozen=True)
class _Draw:
    seed: int
    n_resamples: int
    level: float


def _measure(
    panel: Panel, rows: Sequence[NDArray[np.int64]], first: int, second: int, is_ordinal: bool, draw: _Draw
) -> PairAgreement:
    left, right = _shared(panel, rows[first], rows[second])
    both = (left != ABSTAINED) & (right != ABSTAINED)
    size, n = len(panel.classes), int(both.sum())
    table = tabulate(left[both], right[both], size)
    found = {}
    for name, measure in MEASURES.items():
        if name == "weighted_kappa" and not is_ordinal:
            found[name] = Estimate(np.nan, np.nan, np.nan, n)
            continue
        resampled = resample_counts(
            table.ravel(),
            lambda drawn, measure=measure: measure(drawn.reshape(-1, size, size)),  # type: ignore[misc]
            seed=draw.seed,
            n_resamples=draw.n_resamples,
        )
        found[name] = estimate(float(measure(table)), resampled, n=n, level=draw.level)
    return PairAgreement(panel.labelers[first], panel.labelers[second], n, len(left) - n, **found)


def _rows_by_labeler(panel: Panel) -> list[NDArray[np.int64]]:
    order = np.argsort(panel.labeler, kind="stable")
    ends = np.cumsum(np.bincount(panel.labeler, minlength=len(panel.labelers)))
    return np.split(order, ends[:-1]) if len(ends) else []


def _shared(
    panel: Panel, first: NDArray[np.int64], second: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both labelers' answers to the questions that both were asked."""
    _, left, right = np.intersect1d(
        panel.question[first], panel.question[second], assume_unique=True, return_indices=True
    )
    return panel.answer[first[left]], panel.answer[second[right]]


def _place(panel: Panel, labeler: str) -> int:
    if labeler not in panel.labelers:
        raise StepError(f"labeler {labeler!r} has no answer; expected one of {', '.join(panel.labelers) or 'nobody'}")
    return panel.labelers.index(labeler)
