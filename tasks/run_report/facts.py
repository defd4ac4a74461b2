"""What the report of a run shows, as plain data. Texts have passed `plain` and are unescaped; seconds, dollars, UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from tasks.run_report.measured import CatalogMetrics, ItemMap, TaskLabels

Section = Literal["timeline", "rows", "labels", "map", "metrics", "cost", "drift", "gates", "users"]


@dataclass(frozen=True)
class PastRun:
    """A run as one line of history; started_at is naive UTC, seconds NaN where it has not ended."""

    run_id: str
    as_of: date
    status: str
    started_at: datetime
    seconds: float
    requests: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    publication_id: str = ""
    message: str = ""
    catalogs: tuple[str, ...] = ()
    code_version: str = ""
    peak_rss_mb: float = 0.0
    is_backfill: bool = False


@dataclass(frozen=True)
class StageRun:
    """What a stage did for a catalog; start is in seconds from the start of the run."""

    stage: str
    catalog: str
    status: str
    start: float
    seconds: float
    rows_in: int
    rows_out: int
    dropped: tuple[tuple[str, int], ...] = ()
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def n_dropped(self) -> int:
        """Rows that did not come out, whatever the reason."""
        return sum(n for _, n in self.dropped)


@dataclass(frozen=True)
class Ingested:
    """What became of the rows of one kind that were read; n_in is the sum of the three after it."""

    catalog: str
    kind: str
    n_in: int
    n_stored: int
    n_quarantined: int
    n_exact_duplicates: int
    n_new: int
    n_changed: int
    n_gone: int


@dataclass(frozen=True)
class Refused:
    """Rows in quarantine for one reason, with one of them as an example."""

    catalog: str
    kind: str
    reason: str
    place: str
    n: int


@dataclass(frozen=True)
class DeadLetter:
    """Questions without an answer for one reason; n_tonight of them were asked in this run."""

    catalog: str
    task: str
    reason: str
    n: int
    n_tonight: int


@dataclass(frozen=True)
class StageCost:
    """What a stage of a run asked for."""

    run_id: str
    stage: str
    requests: int
    tokens: int
    cost_usd: float


@dataclass(frozen=True)
class ListDrift:
    """Lists of this run against those of the run before: the mean share of equal items, and deciles 1, 5, 9 of scores."""

    catalog: str
    before_run: str
    n_users: int
    overlap: float
    scores: tuple[float, float, float]
    scores_before: tuple[float, float, float]


@dataclass(frozen=True)
class Comparison:
    """The publication beside the one before; overlap: of what could be given again, the share that was. None: too little."""

    catalog: str
    against: str
    covered_share: float
    covered_share_before: float
    n_compared: int
    overlap: float | None


@dataclass(frozen=True)
class Churn:
    """Items that came, changed and went in a run."""

    run_id: str
    catalog: str
    n_new: int
    n_changed: int
    n_gone: int


@dataclass(frozen=True)
class Gate:
    """One expectation of a suite; sample has at most five bad rows as texts, mend says what to do."""

    catalog: str
    suite: str
    name: str
    column: str
    severity: str
    is_success: bool
    observed: str
    expected: str
    n_unexpected: int
    sample: tuple[str, ...]
    mend: str


@dataclass(frozen=True)
class ListRow:
    """One recommendation; parts are the kinds of reason beside the first line."""

    rank: int
    title: str
    topic: str
    reason: str
    parts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ExampleUser:
    """A user with what is known and what they get; lists are by catalog."""

    user_id: str
    profile: str
    n_history: int
    history: tuple[str, ...]
    lists: tuple[tuple[str, tuple[ListRow, ...]], ...]


@dataclass(frozen=True)
class Look:
    """Something that needs a look, and the section that has more of it."""

    text: str
    section: Section
    is_serious: bool = False


@dataclass(frozen=True)
class Verdict:
    """The run in one sentence, what changed, what needs a look, and why nothing was published (empty: something was)."""

    sentence: str
    changes: tuple[str, ...]
    looks: tuple[Look, ...]
    unpublished: str


@dataclass(frozen=True)
class RunFacts:
    """All of it. later_run is a run that has ended since: labels, map and lists are then as it left them."""

    run: PastRun
    past: tuple[PastRun, ...]
    made_at: datetime
    later_run: str = ""
    stages: tuple[StageRun, ...] = ()
    ingested: tuple[Ingested, ...] = ()
    refused: tuple[Refused, ...] = ()
    dead: tuple[DeadLetter, ...] = ()
    labels: tuple[TaskLabels, ...] = ()
    maps: tuple[ItemMap, ...] = ()
    metrics: tuple[CatalogMetrics, ...] = ()
    costs: tuple[StageCost, ...] = ()
    lists: tuple[ListDrift, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    churn: tuple[Churn, ...] = ()
    gates: tuple[Gate, ...] = ()
    users: tuple[ExampleUser, ...] = ()
    last_publication: str = ""
    verdict: Verdict = field(default_factory=lambda: Verdict("", (), (), ""))

    @property
    def before(self) -> PastRun | None:
        """The last run before this one that went through; one that failed says little of what a night costs."""
        return next((run for run in reversed(self.past[:-1]) if run.status in ("completed", "partial")), None)
