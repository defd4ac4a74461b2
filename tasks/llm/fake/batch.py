"""One batch: which status it has at which time, and how it is shown. Pure: the clock is handed in.

Of the seconds that a batch takes, the first tenth is `validating` and the last `finalizing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.llm.fake.batch_rows import ENDPOINT, BatchRow

VALIDATED_AT = 0.1
ANSWERED_AT = 0.9
WINDOW_SECONDS = 24 * 3600
ENDED = ("completed", "failed", "expired", "cancelled")
_TIMES = (
    "in_progress_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
)


@dataclass
class Batch:
    """A batch that takes `seconds` to end as `ends_as`; errors make it fail once it is validated.

    unanswered holds the custom_ids of rows that are never answered; the lines are what became of the others so far.
    """

    id: str
    input_file_id: str
    metadata: Mapping[str, str] | None
    created_at: float
    seconds: float
    ends_as: str
    rows: list[BatchRow]
    errors: list[dict[str, Any]]
    unanswered: frozenset[str] = frozenset()
    n_worked: int = 0
    n_completed: int = 0
    n_failed: int = 0
    output_lines: dict[str, bytes] = field(default_factory=dict)
    error_lines: dict[str, bytes] = field(default_factory=dict)
    output_file_id: str | None = None
    error_file_id: str | None = None
    is_written: bool = False
    _times: dict[str, float] = field(default_factory=dict)

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody asked to cancel it."""
        return "cancelling_at" in self._times

    def cancel(self, now: float) -> None:
        """From now on it is `cancelling`, and a little later `cancelled`."""
        self._times.setdefault("cancelling_at", now)

    def advance(self, now: float) -> str:
        """The status at `now`; notes when each began."""
        if self.is_cancelled:
            return self._step([("cancelling", 0.0), ("cancelled", VALIDATED_AT)], self._times["cancelling_at"], now)
        if self.errors:
            return self._step([("validating", 0.0), ("failed", VALIDATED_AT)], self.created_at, now)
        steps = [("validating", 0.0), ("in_progress", VALIDATED_AT), ("finalizing", ANSWERED_AT), (self.ends_as, 1.0)]
        return self._step(steps, self.created_at, now)

    def _step(self, steps: list[tuple[str, float]], since: float, now: float) -> str:
        status = steps[0][0]
        for name, share in steps[1:]:
            if now >= since + share * self.seconds:
                status = name
                self._times.setdefault(f"{name}_at", since + share * self.seconds)
        return status

    def count_due(self, now: float) -> int:
        """How many rows are to be answered by now."""
        passed = (now - self.created_at) / self.seconds if self.seconds else 1.0
        share = (passed - VALIDATED_AT) / (ANSWERED_AT - VALIDATED_AT)
        return int(len(self.rows) * min(max(share, 0.0), 1.0))

    def show(self, status: str) -> dict[str, Any]:
        """The batch object of the API."""
        times = {name: int(self._times[name]) if name in self._times else None for name in _TIMES}
        n_total = len(self.rows) if times["in_progress_at"] is not None else 0
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": ENDPOINT,
            "errors": {"object": "list", "data": self.errors} if status == "failed" else None,
            "input_file_id": self.input_file_id,
            "completion_window": "24h",
            "status": status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "created_at": int(self.created_at),
            "expires_at": int(self.created_at) + WINDOW_SECONDS,
            **times,
            "request_counts": {"total": n_total, "completed": self.n_completed, "failed": self.n_failed},
            "metadata": self.metadata,
        }
