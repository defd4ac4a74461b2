"""What the server has done: counters that benchmarks read, and one log entry per request."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tasks.llm.types import TokenUsage


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One request that is about to be answered, or one row of a batch; times in seconds since 1970.

    status 0 means that the connection was reset. user_sha256 is the digest of the first user message, empty where the
    request was refused unread.
    """

    arrived_at: float
    finished_at: float
    method: str
    path: str
    status: int
    user_sha256: str = ""
    n_questions: int = 0
    batch_id: str = ""


RequestLog = Callable[[LogEntry], None]
"""Where entries go: a JsonlLog, or the `append` of a list."""


class JsonlLog:
    """Appends each entry to a file as a line of JSON, which the operating system has before the client its answer."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def __call__(self, entry: LogEntry) -> None:
        """Write one line."""
        self._file.write(json.dumps(asdict(entry)).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Ledger:
    """Counts requests, tokens and what is in flight; hands entries to the log."""

    def __init__(self, log: RequestLog | None) -> None:
        self._log = log
        self.n_in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Begin to count anew; what is in flight stays so."""
        self._n_by_status: Counter[str] = Counter()
        self._n_by_path: Counter[str] = Counter()
        self._usage = TokenUsage()
        self._n_questions = 0
        self._n_batch_rows = 0
        self._highest_in_flight = self.n_in_flight
        self._first_at: float | None = None
        self._last_at: float | None = None

    def note_arrival(self, now: float) -> None:
        """A request has come in."""
        self._first_at = now if self._first_at is None else self._first_at

    def note_admitted(self) -> None:
        """A completion is being worked on: from here on it counts as in flight."""
        self._highest_in_flight = max(self._highest_in_flight, self.n_in_flight)

    def note_end(self, entry: LogEntry, *, route: str, usage: TokenUsage) -> None:
        """A request is about to be answered."""
        self._n_by_status[str(entry.status) if entry.status else "dropped"] += 1
        self._n_by_path[route] += 1
        self._last_at = entry.finished_at
        self._note_asked(entry, usage)

    def note_row(self, entry: LogEntry, *, usage: TokenUsage) -> None:
        """A row of a batch was answered."""
        self._n_batch_rows += 1
        self._note_asked(entry, usage)

    def show(self) -> dict[str, Any]:
        """The counters; `seconds` run from the first arrival to the last answer."""
        seconds = 0.0 if self._first_at is None or self._last_at is None else self._last_at - self._first_at
        return {
            "n_requests": sum(self._n_by_status.values()),
            "n_by_status": dict(self._n_by_status),
            "n_by_path": dict(self._n_by_path),
            "n_questions": self._n_questions,
            "n_batch_rows": self._n_batch_rows,
            "n_in_flight": self.n_in_flight,
            "highest_in_flight": self._highest_in_flight,
            "seconds": seconds,
            "tokens_in": self._usage.tokens_in,
            "tokens_out": self._usage.tokens_out,
            "tokens_cached": self._usage.tokens_cached,
        }

    def _note_asked(self, entry: LogEntry, usage: TokenUsage) -> None:
        self._n_questions += entry.n_questions
        self._usage = self._usage + usage
        if self._log is not None:
            self._log(entry)
