"""Two labelings of the same questions held against people's word: which is better, and can that be told? Pure.

Changes for the better and for the worse: exact McNemar test (McNemar 1947). Grades: difference of quadratic kappa, paired
bootstrap over whom the pairs are about. How many labels would show a difference: Connor 1987. O(distinct answers).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from tasks.agreement.measures import estimate, resample_counts, weighted_kappa
from tasks.reporting.figures import N_RESAMPLES, SEED, Floats, share, tables_by_asker
from tasks.reporting.page import Figure

LEVEL = 0.05
POWER = 0.8
SMALLEST = 0.03
"""The difference in accuracy worth finding where none is seen."""


@dataclass(frozen=True)
class GoldRow:
    """n questions with the same person's word and the same two answers; asker: whom judged pairs are about."""

    asker: str
    truth: str
    before: str
    after: str
    n: int


@dataclass(frozen=True)
class Versus:
    """before and after: accuracy of both. kappa: after less before, of grades. p_value: McNemar's, 1 without a change."""

    n: int
    before: Figure
    after: Figure
    n_better: int
    n_worse: int
    p_value: float
    kappa: Figure | None
    verdict: str


def compare_on_gold(rows: Sequence[GoldRow], *, is_ordinal: bool, names: tuple[str, str] = ("A", "B")) -> Versus:
    """Both labelings on the questions that people have reviewed, and a sentence on which is better."""
    n = sum(row.n for row in rows)
    right_before = sum(row.n for row in rows if row.before == row.truth)
    right_after = sum(row.n for row in rows if row.after == row.truth)
    n_better = sum(row.n for row in rows if row.after == row.truth != row.before)
    n_worse = sum(row.n for row in rows if row.before == row.truth != row.after)
    p_value = mcnemar(n_better, n_worse)
    kappa = kappa_difference(rows) if is_ordinal and n else None
    before, after = share("accuracy", right_before, n), share("accuracy", right_after, n)
    if kappa is not None and not math.isnan(kappa.low):
        verdict = _judge_kappa(kappa, n, names)
    else:
        verdict = _judge_changes(n, n_better, n_worse, p_value, names)
    return Versus(n, before, after, n_better, n_worse, p_value, kappa, verdict)


def mcnemar(n_better: int, n_worse: int) -> float:
    """How likely a split at least as uneven is, if changes were as often for the better as for the worse.

    >>> round(mcnemar(8, 1), 4)
    0.0391
    """
    n = n_better + n_worse
    return float(stats.binomtest(n_better, n, 0.5).pvalue) if n else 1.0


def format_p(p_value: float) -> str:
    """A p-value as it is written.

    >>> format_p(0.0391), format_p(1e-9)
    ('p = 0.039', 'p < 0.001')
    """
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def kappa_difference(rows: Sequence[GoldRow]) -> Figure:
    """Quadratic kappa of the later labeling less that of the earlier one; both are resampled together."""
    tables = [
        tables_by_asker((row.asker, row.truth, answer) for row in rows for answer in [getattr(row, side)] * row.n)
        for side in ("before", "after")
    ]
    # Whoever people have graded has grades of both labelings, so that the askers of both stand in the same order.
    before, after = tables

    def difference(drawn: Floats) -> Floats:
        return weighted_kappa(np.tensordot(drawn, after, axes=1)) - weighted_kappa(np.tensordot(drawn, before, axes=1))

    whole = np.ones(len(before))
    draws = resample_counts(whole, difference, seed=SEED, n_resamples=N_RESAMPLES)
    found = estimate(float(difference(whole[None, :])[0]), draws, n=int(before.sum()), level=0.95)
    return Figure("quadratic kappa", found.value, found.low, found.high, found.n, is_share=False)


def labels_needed(n: int, n_better: int, n_worse: int) -> int:
    """People's labels in all that would show a difference as large as the seen one, four times in five; at least SMALLEST.

    Discordant changes are taken to stay as frequent as they are, but frequent enough for the difference itself.
    """
    difference = max(abs(n_better - n_worse) / max(n, 1), SMALLEST)
    changed = max((n_better + n_worse) / max(n, 1), difference)
    z_level, z_power = stats.norm.ppf(1 - LEVEL / 2), stats.norm.ppf(POWER)
    root = z_level * math.sqrt(changed) + z_power * math.sqrt(changed - difference**2)
    return math.ceil(float(root / difference) ** 2)


def _judge_changes(n: int, n_better: int, n_worse: int, p_value: float, names: tuple[str, str]) -> str:
    first, second = names
    if not n:
        return (
            f"{first} and {second} can't be told apart: people have reviewed none of these questions;"
            " begin with `nightjar review export`"
        )
    if p_value < LEVEL:
        better = second if n_better > n_worse else first
        points = 100 * abs(n_better - n_worse) / n
        return f"{better} is better: by {points:.1f} points of accuracy on {n} of people's labels ({format_p(p_value)})"
    more = max(1, labels_needed(n, n_better, n_worse) - n)
    seen = abs(n_better - n_worse) / n
    size = f"{100 * seen:.1f} points, as seen here," if seen >= SMALLEST else f"{100 * SMALLEST:.0f} points"
    return (
        f"{first} and {second} can't be told apart with {n} gold labels ({format_p(p_value)}); about {more} more would be"
        f" needed for a difference of {size} to show"
    )


def _judge_kappa(kappa: Figure, n: int, names: tuple[str, str]) -> str:
    first, second = names
    if kappa.low > 0 or kappa.high < 0:
        better = second if kappa.value > 0 else first
        return (
            f"{better} is better: its quadratic kappa is higher by {abs(kappa.value):.3f}"
            f" [{min(abs(kappa.low), abs(kappa.high)):.3f}, {max(abs(kappa.low), abs(kappa.high)):.3f}] on {n} of people's labels"
        )
    half = (kappa.high - kappa.low) / 2
    size = max(abs(kappa.value), SMALLEST)
    # An interval narrows with the root of n; (z + z of the power) / z of them make the difference show four times in five.
    factor = (half / size * (1 + stats.norm.ppf(POWER) / stats.norm.ppf(1 - LEVEL / 2))) ** 2
    more = max(1, math.ceil(n * factor) - n)
    return (
        f"{first} and {second} can't be told apart with {n} gold labels: the difference in quadratic kappa is {kappa.value:+.3f}"
        f" [{kappa.low:+.3f}, {kappa.high:+.3f}]; about {more} more would be needed for a difference of {size:.3f} to show"
    )
