"""Means over queries or users with percentile bootstrap intervals, and how they are written. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.evaluation.bootstrap import Interval, bootstrap_means
from tasks.experiments.findings import Table

FloatVector = NDArray[np.float64]
N_RESAMPLES = 1000
NOTHING = "–"


def mean_of(values: FloatVector, *, seed: int) -> Interval | None:
    """The mean of one value a query, with its 95 % interval; None of no values."""
    if not len(values):
        return None
    frame = pl.DataFrame({"value": np.asarray(values, dtype=np.float64)})
    return bootstrap_means(frame, ["value"], seed=seed, n_resamples=N_RESAMPLES)["value"]


def show(figure: Interval | None, *, is_signed: bool = False) -> str:
    """0.738 [0.720, 0.756]; signed for differences."""
    if figure is None or np.isnan(figure.mean):
        return NOTHING
    sign = "+" if is_signed else ""
    return f"{figure.mean:{sign}.3f} [{figure.low:{sign}.3f}, {figure.high:{sign}.3f}]"


def figure_table(
    title: str,
    rows: Mapping[str, Sequence[Interval | None]],
    *,
    first: str,
    columns: Sequence[str],
    note: str = "",
    is_signed: bool = False,
) -> Table:
    """A table of figures, one row a name; the best mean of each column is bold where there are several rows."""
    best = [
        max((cells[place].mean for cells in rows.values() if cells[place] is not None), default=np.nan)  # type: ignore[union-attr]
        for place in range(len(columns))
    ]

    def cell(figure: Interval | None, place: int) -> str:
        text = show(figure, is_signed=is_signed)
        is_best = (
            figure is not None and len(rows) > 1 and not is_signed and round(figure.mean, 3) == round(best[place], 3)
        )
        return f"**{text}**" if is_best else text

    lines = tuple((name, *(cell(one, place) for place, one in enumerate(cells))) for name, cells in rows.items())
    return Table(title, (first, *columns), lines, note)
