"""StepReport: the small result that a task hands on, and that the run prints and stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class StepReport:
    """What one step did for one catalog.

    rows_in is what was due or read, rows_out what was written; dropped counts rows by reason.
    tokens are counted as the server's `usage` states them, cost_usd in US dollars, seconds by wall clock,
    peak_rss_mb is the process's highest resident memory so far in MiB. notes are short lines for the operator.
    is_partial says that the step ended in order before its work list did, and n_due how many questions stay due.
    kept_from is the run whose result stands, where nothing that the step reads has changed since; else "".
    """

    stage: str
    catalog: str
    rows_in: int = 0
    rows_out: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    seconds: float = 0.0
    peak_rss_mb: float = 0.0
    notes: tuple[str, ...] = ()
    is_partial: bool = False
    n_due: int = 0
    kept_from: str = ""

    def describe(self) -> str:
        """One line for the console and the log."""
        dropped = "".join(f", {count} {reason}" for reason, count in self.dropped.items() if count)
        asked = f", {self.requests} requests, {self.tokens_in + self.tokens_out} tokens, ${self.cost_usd:.4f}"
        memory = f", {self.peak_rss_mb:.0f} MiB" if self.peak_rss_mb else ""
        return (
            f"{self.stage:<10} {self.catalog:<14} {self.rows_in:>8} in, {self.rows_out:>8} out{dropped}"
            f"{asked if self.requests else ''}  {self.seconds:.1f} s{memory}"
        )


class StoppedStage(KeyboardInterrupt):
    """Ctrl-C while a stage was asking; what it had answered is stored, and `report` says what is left."""

    def __init__(self, report: StepReport) -> None:
        super().__init__()
        self.report = report
