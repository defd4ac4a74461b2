"""What an experiment hands on: a question, the protocol in words, tables, plots, and how to read them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.evaluation.bootstrap import Interval


@dataclass(frozen=True)
class Table:
    """Rows of text under columns; the first column names the row."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Bars:
    """Groups of bars side by side: series maps a system to one figure a group, None where it has none."""

    name: str
    title: str
    y: str
    groups: tuple[str, ...]
    series: Mapping[str, Sequence[Interval | None]]


@dataclass(frozen=True)
class Curves:
    """Lines over x: series maps a system to one figure a place of xs, None where it has none."""

    name: str
    title: str
    x: str
    y: str
    xs: tuple[float, ...]
    series: Mapping[str, Sequence[Interval | None]]


Plot = Bars | Curves


@dataclass(frozen=True)
class Findings:
    """One experiment on one catalog.

    question: one sentence. protocol: paragraphs that say what was done to whom. reading: how to read the tables.
    verdicts: what came out, one sentence each. packages: those whose version may move the figures.
    """

    question: str
    protocol: tuple[str, ...]
    tables: tuple[Table, ...]
    reading: tuple[str, ...]
    seed: int
    plots: tuple[Plot, ...] = ()
    verdicts: tuple[str, ...] = ()
    packages: tuple[str, ...] = ("numpy", "polars")
