"""Bars and curves with intervals as PNG, by matplotlib's Agg canvas: no screen, no global state, no date in the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tasks.evaluation.bootstrap import Interval
from tasks.experiments.findings import Bars, Curves, Plot

SIZE = (8.0, 4.2)
DPI = 110
COLOURS = ("#4c72b0", "#dd8452", "#55a868", "#c44e52", "#8172b3", "#937860", "#da8bc3", "#8c8c8c", "#ccb974", "#64b5cd")


def draw_plot(plot: Plot, path: Path) -> None:
    """Write the plot to path; the same plot gives the same bytes under one version of matplotlib."""
    figure = Figure(figsize=SIZE, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if isinstance(plot, Bars):
        _draw_bars(axes, plot)
    else:
        _draw_curves(axes, plot)
    axes.set_title(plot.title, fontsize=11)
    axes.set_ylabel(plot.y)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=DPI, metadata={"Software": None})


def _draw_bars(axes: Axes, plot: Bars) -> None:
    width = 0.8 / max(1, len(plot.series))
    places = np.arange(len(plot.groups))
    for number, (name, figures) in enumerate(plot.series.items()):
        left = places - 0.4 + width * (number + 0.5)
        axes.bar(
            left,
            np.nan_to_num(_means(figures)),
            width * 0.92,
            yerr=_errors(figures),
            label=name,
            color=COLOURS[number % len(COLOURS)],
            error_kw={"elinewidth": 0.8},
        )
    axes.set_xticks(places, list(plot.groups))
    axes.set_axisbelow(True)


def _draw_curves(axes: Axes, plot: Curves) -> None:
    xs = np.array(plot.xs)
    for number, (name, figures) in enumerate(plot.series.items()):
        known = np.array([figure is not None for figure in figures])
        means, errors, colour = _means(figures), np.nan_to_num(_errors(figures)), COLOURS[number % len(COLOURS)]
        axes.plot(xs[known], means[known], marker="o", markersize=3.5, label=name, color=colour)
        axes.fill_between(
            xs[known], (means - errors[0])[known], (means + errors[1])[known], alpha=0.15, color=colour, linewidth=0
        )
    axes.set_xlabel(plot.x)
    if len(xs) > 2 and xs.min() > 0 and xs.max() / xs.min() >= 8:
        axes.set_xscale("log")
        axes.set_xticks(xs, [f"{x:g}" for x in xs])
        axes.minorticks_off()


def _means(figures: Sequence[Interval | None]) -> NDArray[np.float64]:
    return np.array([np.nan if figure is None else figure.mean for figure in figures])


def _errors(figures: Sequence[Interval | None]) -> NDArray[np.float64]:
    """(2, n): how far each interval reaches below and above its mean."""
    ends = [(np.nan, np.nan) if one is None else (one.mean - one.low, one.high - one.mean) for one in figures]
    reach: NDArray[np.float64] = np.clip(np.array(ends).reshape(-1, 2).T, 0.0, None)
    return reach
