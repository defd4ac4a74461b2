"""The warehouse's time: naive UTC, and it never goes back.

What counts as the latest (an output, a model, a gate's result, a publication) is decided by time. Where the machine's clock
is set back, the warehouse's time goes on from what it had reached, at the pace of a stopwatch, until the clock is past it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

SECOND = timedelta(seconds=1)
LEAST = timedelta(microseconds=1)


def _read_wall() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class SteadyClock:
    """A clock that follows the machine's, but never backwards: two readings are never the same. Threads may share it."""

    def __init__(
        self, wall: Callable[[], datetime] = _read_wall, stopwatch: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall, self._stopwatch = wall, stopwatch
        self._lock = threading.Lock()
        self._last, self._at = datetime.min, 0.0

    def now(self) -> datetime:
        """Now."""
        with self._lock:
            at = self._stopwatch()
            if self._last is datetime.min:
                self._last, self._at = self._wall(), at
                return self._last
            reached = self._last + max(timedelta(seconds=at - self._at), LEAST)
            self._last, self._at = max(self._wall(), reached), at
            return self._last

    def go_on_from(self, newest: datetime) -> timedelta:
        """Let every later reading be after `newest`; how far the machine's clock is behind it, 0 if it is not."""
        behind = newest - self._wall()
        with self._lock:
            if newest >= self._last and behind >= timedelta(0):
                # A second more, for the ids of runs are told apart by their seconds.
                self._last, self._at = newest + SECOND, self._stopwatch()
        return max(behind, timedelta(0))


_clock = SteadyClock()


def utc_now() -> datetime:
    """Now, in UTC and without a zone, as every `_at` column has it."""
    return _clock.now()


def go_on_from(newest: datetime) -> timedelta:
    """Let this process's time be after `newest`, the last time that a warehouse knows; how far the machine's clock is behind."""
    return _clock.go_on_from(newest)
