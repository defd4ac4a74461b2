"""What the report shows of labels, items and rankers, as plain data. Texts have passed `plain` and are unescaped."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """How many labels say `answer`; before is the share in the run before, None where there is none."""

    answer: str
    n: int
    share: float
    before: float | None


@dataclass(frozen=True)
class Measure:
    """A figure with its 95 % interval, on n labels; None where it is not defined."""

    metric: str
    subject: str
    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class TaskLabels:
    """How the labels of a task were spread when `run_id` measured them; shift is the stability index against a week before."""

    catalog: str
    task: str
    run_id: str
    before_run: str
    shares: tuple[Share, ...]
    n_left_out: int
    shift: float | None
    agreement: tuple[Measure, ...]


@dataclass(frozen=True)
class Point:
    """An item on the map."""

    x: float
    y: float
    title: str
    topic: str


@dataclass(frozen=True)
class ItemMap:
    """The items of a catalog in two dimensions; note says why there are none, or how they were chosen."""

    catalog: str
    points: tuple[Point, ...]
    n_items: int
    note: str


@dataclass(frozen=True)
class Ranker:
    """A ranker's metrics of one run by name, as "ndcg"."""

    name: str
    metrics: dict[str, Measure]


@dataclass(frozen=True)
class Trend:
    """NDCG@10 of a ranker, one measure a run, the oldest first; the measure's subject is the run."""

    ranker: str
    measures: tuple[Measure, ...]


@dataclass(frozen=True)
class CatalogMetrics:
    """What `run_id` measured of a catalog on n_users; rankers are the best first by NDCG@10, before is the run before."""

    catalog: str
    run_id: str
    n_users: int
    rankers: tuple[Ranker, ...]
    before: dict[str, Measure]
    trends: tuple[Trend, ...]
