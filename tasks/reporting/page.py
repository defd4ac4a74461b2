"""What a page about a catalog's labels shows, as plain data classes. Texts are as people and models wrote them, unescaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

MIN_RELIABILITY = 30
"""People's labels from which on a reliability diagram is drawn."""


@dataclass(frozen=True)
class Figure:
    """One figure with its 95 % interval, on n labels; NaN where it is undefined. is_share: shown in per cent."""

    name: str
    value: float
    low: float
    high: float
    n: int
    is_share: bool = True


@dataclass(frozen=True)
class Voice:
    """Who answers: a labeler of the panel, or the label that counts (role "counts"). cost_usd is of all its labels."""

    name: str
    role: str
    fingerprint: str
    n_labels: int
    n_abstained: int
    n_dead: int
    confidence: float
    n_requests: int
    n_tokens: int
    cost_usd: float
    n_gold: int
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True)
class Matrix:
    """Counts of two answers to the same questions: counts[row][column]; names stand for rows and columns alike."""

    row_title: str
    column_title: str
    names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def is_wide(self) -> bool:
        """Whether names are too long to stand side by side above the columns."""
        return any(len(name) > 5 for name in self.names)


@dataclass(frozen=True)
class Bar:
    """A named count, and its share of the whole in [0, 1]."""

    name: str
    n: int
    share: float


@dataclass(frozen=True)
class Bars:
    """Bars of one voice: how often it gave each answer, or how sure it was."""

    voice: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Point:
    """n answers of neighbouring confidence: their mean confidence, the share that was right, and its 95 % interval."""

    confidence: float
    accuracy: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Reliability:
    """How honest a voice's confidences are as stated, and after a calibration that had not seen the answer it judges."""

    voice: str
    n: int
    error_before: float
    error_after: float
    before: tuple[Point, ...]
    after: tuple[Point, ...]


@dataclass(frozen=True)
class Pair:
    """How far two labelers agree on the n questions that both answered with more than an abstention."""

    first: str
    second: str
    n: int
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Said:
    """What one voice says of a question."""

    voice: str
    answer: str
    confidence: float
    reason: str
    runner_up: str = ""
    runner_up_confidence: float = 0.0


@dataclass(frozen=True)
class Case:
    """A question with everything that is said of it; counted is what counts where that is not simply the first labeler's.

    other_title: of a pair; reader: whom a judged pair is about; person: what people say, "" where they have not.
    """

    item_id: str
    title: str
    other_title: str
    reader: str
    said: tuple[Said, ...]
    counted: Said | None
    person: str
    note: str

    @property
    def label(self) -> Said:
        """What counts, people left out."""
        return self.counted or self.said[0]

    @property
    def runner_up(self) -> str:
        """The topic that came second, with its confidence: another labeler's answer, else what the first named next."""
        others = [one for one in self.said if one.answer != self.label.answer]
        if others:
            best = max(others, key=lambda one: one.confidence)
            return f"{best.answer} ({best.confidence:.2f}, {best.voice})"
        named = next((one for one in self.said if one.runner_up), None)
        return f"{named.runner_up} ({named.runner_up_confidence:.2f})" if named else ""


@dataclass(frozen=True)
class Hard:
    """The hardest questions of one answer; n_disputed of them labelers dispute."""

    answer: str
    n_disputed: int
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class CascadeView:
    """Who labeled how many, what the student promises, the errors that the audit shows, and what was saved."""

    shares: tuple[Bar, ...]
    promise: str
    errors: tuple[Figure, ...]
    saved: str


@dataclass(frozen=True)
class Noted:
    """One metric over the last runs: its values in the order of the runs, None where a run did not note it."""

    metric: str
    subject: str
    values: tuple[float | None, ...]
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class History:
    """What the last runs noted, the newest run first; n_left_out figures beyond these are in label_metrics."""

    runs: tuple[str, ...]
    rows: tuple[Noted, ...]
    n_left_out: int = 0


@dataclass(frozen=True)
class TaskView:
    """Everything about one task of one catalog; what is empty is left out of the page."""

    task: str
    voices: tuple[Voice, ...] = ()
    n_gold: int = 0
    notes: tuple[str, ...] = ()
    answers: tuple[Bars, ...] = ()
    confidences: tuple[Bars, ...] = ()
    gold: tuple[Matrix, ...] = ()
    reliabilities: tuple[Reliability, ...] = ()
    alpha: Figure | None = None
    pairs: tuple[Pair, ...] = ()
    confusion: Matrix | None = None
    disagreements: tuple[Case, ...] = ()
    n_disagreements: int = 0
    unsure: tuple[Case, ...] = ()
    hard: tuple[Hard, ...] = ()
    cascade: CascadeView | None = None
    history: History | None = None

    @property
    def labelers(self) -> tuple[Voice, ...]:
        """Who answers, without the label that counts."""
        return tuple(voice for voice in self.voices if voice.role != "counts")

    @property
    def n_missing_gold(self) -> int:
        """People's labels that are still missing for a reliability diagram."""
        return max(0, MIN_RELIABILITY - self.n_gold)


@dataclass(frozen=True)
class Page:
    """A page about one catalog; made_at as it is to be shown."""

    catalog: str
    title: str
    made_at: str
    tasks: Sequence[TaskView] = field(default_factory=tuple)
