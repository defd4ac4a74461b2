"""What the retrieval experiment shows: tables by topic, the fusions' leads, weights and times. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.bootstrap import Interval
from tasks.experiments.figures import figure_table, mean_of, show
from tasks.experiments.findings import Bars, Table
from tasks.experiments.fusions import SINGLE, Chosen
from tasks.experiments.known_item import OwnText

ALL = "all topics"
FloatVector = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """values: metric to system to one value a query. topics: name to the rows of its queries; ALL holds every one."""

    values: Mapping[str, Mapping[str, FloatVector]]
    topics: Mapping[str, NDArray[np.int64]]
    chosen: list[Chosen]
    seed: int

    def means(self, metric: str, system: str) -> list[Interval | None]:
        """The system's mean in each topic."""
        return [mean_of(self.values[metric][system][rows], seed=self.seed) for rows in self.topics.values()]

    def leads(self, metric: str, system: str) -> list[Interval | None]:
        """The system less the better of the two searches, in each topic."""
        of = self.values[metric]
        better = [max(SINGLE, key=lambda name: of[name][rows].mean()) for rows in self.topics.values()]
        return [
            mean_of(of[system][rows] - of[name][rows], seed=self.seed)
            for rows, name in zip(self.topics.values(), better, strict=True)
        ]


def topic_tables(measured: Measured) -> list[Table]:
    """One table a metric, and the fusions' leads in the first of them."""
    columns = [f"{name} ({len(rows)})" for name, rows in measured.topics.items()]
    tables = [
        figure_table(
            f"{metric}, mean over the titles of each topic",
            {name: measured.means(metric, name) for name in of},
            first="search",
            columns=columns,
        )
        for metric, of in measured.values.items()
    ]
    first = next(iter(measured.values))
    fusions = [name for name in measured.values[first] if name not in SINGLE]
    lead = figure_table(
        f"{first}: fusion less the better of BM25 and dense in the topic, paired by title",
        {name: measured.leads(first, name) for name in fusions},
        first="fusion",
        columns=columns,
        is_signed=True,
    )
    return [tables[0], lead, *tables[1:]]


def own_table(own: OwnText) -> Table:
    """How high each search puts a title's own text."""
    return figure_table(
        f"Its own text among {own.n_texts} texts without titles",
        {name: list(figures) for name, figures in own.figures.items()},
        first="search",
        columns=["MRR", "own text first"],
    )


def weight_table(by_topic: Sequence[Chosen], by_text: Sequence[Chosen]) -> Table:
    """The weights that each half chose for the other."""
    rows = [
        (one.method, task, *(f"{weight:g}" for weight in one.weights))
        for task, chosen in (("same topic", by_topic), ("own text", by_text))
        for one in chosen
    ]
    columns = ("fusion", "task", "for half 0, chosen on half 1", "for half 1, chosen on half 0")
    return Table("What BM25 weighs where dense weighs 1", columns, tuple(rows))


def time_table(seconds: Mapping[str, float], *, depth: int) -> Table:
    """Milliseconds a query of each search."""
    both = {**seconds, "both, fused": sum(seconds.values())}
    rows = tuple((name, f"{1000 * spent:.2f}") for name, spent in both.items())
    return Table(
        f"Time to find {depth} items",
        ("search", "milliseconds a query"),
        rows,
        note="One thread, 200 titles at a time, their embedding not counted; fusing itself takes next to nothing.",
    )


def plot_topics(measured: Measured) -> Bars:
    """The first metric by topic."""
    metric = next(iter(measured.values))
    shown = [name for name in measured.values[metric] if "equal" not in name]
    return Bars(
        name="topics",
        title=f"{metric} by topic",
        y=metric,
        groups=tuple(measured.topics),
        series={name: measured.means(metric, name) for name in shown},
    )


def describe_leads(measured: Measured) -> tuple[str, ...]:
    """For the tuned fusions: in how many topics they lead, and where they don't."""
    metric = next(iter(measured.values))
    topics = [name for name in measured.topics if name != ALL]
    lines = []
    for one in measured.chosen:
        leads = dict(zip(measured.topics, measured.leads(metric, one.name), strict=True))
        ahead = [name for name in topics if (lead := leads[name]) is not None and lead.mean > 0]
        sure = [name for name in ahead if (lead := leads[name]) is not None and lead.low > 0]
        behind = [name for name in topics if name not in ahead]
        tail = f"; not in {', '.join(behind)}" if behind else ""
        lines.append(
            f"{one.name}: {metric} above the better of the two in {len(ahead)} of {len(topics)} topics"
            f" ({len(sure)} with the interval above zero){tail}; over all titles {show(leads[ALL], is_signed=True)}"
        )
    return tuple(lines)
