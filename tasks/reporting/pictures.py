"""Shapes of the inline pictures, in their own units; templates only write them down. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.reporting.page import Bar, Matrix, Point

SIDE = 220.0
"""Length of a side of the square of a reliability diagram."""
MARGIN_LEFT, MARGIN_TOP, MARGIN_BOTTOM, MARGIN_RIGHT = 44.0, 12.0, 40.0, 14.0
HEIGHT, WIDTH = 80.0, 240.0
"""Size of a histogram."""


@dataclass(frozen=True)
class Dot:
    """A point of a reliability diagram: centre, radius, and the ends of its interval."""

    x: float
    y: float
    radius: float
    top: float
    bottom: float
    label: str


@dataclass(frozen=True)
class Column:
    """A column of a histogram."""

    x: float
    y: float
    width: float
    height: float
    label: str


@dataclass(frozen=True)
class Segment:
    """A part of a stacked bar, from x on, in per cent; place picks its colour."""

    x: float
    width: float
    place: int
    label: str


@dataclass(frozen=True)
class Cell:
    """A cell of a heat table: its count, the per cent of its row, and how strongly it is tinted, from 0 to 100."""

    n: int
    percent: float
    tint: int
    is_right: bool


def place_dots(points: Sequence[Point]) -> list[Dot]:
    """Where the points of a diagram lie; the area of a dot grows with its count."""
    most = max((point.n for point in points), default=1)
    return [
        Dot(
            x=_x(point.confidence),
            y=_y(point.accuracy),
            radius=round(3 + 4 * (point.n / most) ** 0.5, 1),
            top=_y(point.high),
            bottom=_y(point.low),
            label=f"{point.n} answers: stated {point.confidence:.2f}, right {point.accuracy:.2f}"
            f" [{point.low:.2f}, {point.high:.2f}]",
        )
        for point in points
    ]


def place_columns(bars: Sequence[Bar]) -> list[Column]:
    """Columns side by side; the highest fills the picture."""
    most = max((bar.n for bar in bars), default=0) or 1
    width = WIDTH / max(1, len(bars))
    return [
        Column(
            x=round(place * width + 1, 1),
            y=round(HEIGHT * (1 - bar.n / most), 1),
            width=round(width - 2, 1),
            height=round(HEIGHT * bar.n / most, 1),
            label=f"{bar.name}: {bar.n}",
        )
        for place, bar in enumerate(bars)
    ]


def place_segments(bars: Sequence[Bar]) -> list[Segment]:
    """Parts of one bar, one after the other."""
    segments, start = [], 0.0
    for place, bar in enumerate(bars):
        segments.append(
            Segment(round(start, 2), round(100 * bar.share, 2), place, f"{bar.name}: {bar.n} ({bar.share:.0%})")
        )
        start += 100 * bar.share
    return segments


def tint_cells(matrix: Matrix) -> list[list[Cell]]:
    """The cells of a heat table, tinted by their share of the row."""
    rows = []
    for place, counts in enumerate(matrix.counts):
        whole = sum(counts) or 1
        rows.append(
            [
                Cell(n, 100 * n / whole, round(12 + 58 * n / whole) if n else 0, column == place)
                for column, n in enumerate(counts)
            ]
        )
    return rows


def _x(share: float) -> float:
    return round(MARGIN_LEFT + SIDE * share, 1)


def _y(share: float) -> float:
    return round(MARGIN_TOP + SIDE * (1 - share), 1)
