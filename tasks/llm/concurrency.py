"""How many requests are in flight at once: found out, not configured. Pure: events and times come in, a number comes out.

It doubles while that brings more answers a second, then adds a tenth now and then for as long as that still helps. With
n in flight, n / latency answers come a second (Little's law), so it looks at the median latency of a round of requests,
which a few slow replies don't move. A refusal (429) takes it to what the server has accepted, but by three tenths at
most below what has worked; an accumulation of errors and timeouts (5xx) halves it. After a
pause that the server asked for it starts at one, so that not everybody knocks at once.
"""

from __future__ import annotations

from statistics import median

START = 16
LEAST_ROUND = 8
KEPT_SHARE = 0.7
GAIN_OF_DOUBLING = 1.2
FAILED_SHARE = 0.3
FIRST_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 160.0


class Concurrency:
    """Steers the number of requests in flight between 1 and `ceiling`."""

    def __init__(self, ceiling: int) -> None:
        self._ceiling = ceiling
        self._level = min(START, ceiling)
        self._ramp = ceiling
        self._is_doubling = True
        self._is_trying = False
        self._was_weather = False
        self._good_level = self._level
        self._good_rate = 0.0
        self._proven = self._floor = 0
        self._pause = FIRST_PAUSE_SECONDS
        self._next_try_at = 0.0
        self._cut_at = float("-inf")
        self._latencies: list[float] = []
        self._n_failed = 0
        self._round_begun = float("inf")

    @property
    def limit(self) -> int:
        """The most requests to have in flight now."""
        return min(self._level, self._ramp)

    def succeeded(self, now: float, *, sent_at: float, is_saturated: bool) -> None:
        """A reply came; `is_saturated` says that others wait for its place."""
        self._ramp = min(self._ramp + 1, self._ceiling)
        self._count(now, sent_at, is_saturated=is_saturated, is_failed=False)

    def failed(self, now: float, *, sent_at: float, is_saturated: bool) -> None:
        """An error of the server, or no reply in time."""
        self._count(now, sent_at, is_saturated=is_saturated, is_failed=True)

    def refused(self, now: float, *, sent_at: float, n_accepted: int) -> None:
        """The server has too much; `n_accepted` others are in flight that it has not refused so far."""
        if sent_at >= self._cut_at:
            self._cut_at = now
            self._floor = int(KEPT_SHARE * self._proven)
            self._settle(now)
        # Below what has worked before, it can't be the number in flight that is refused: it is their rate.
        self._was_weather = n_accepted < self._floor
        self._level = self._proven = self._good_level = max(1, min(self._level, max(n_accepted, self._floor)))
        self._begin_round(now)

    def held(self, now: float) -> None:
        """Nothing is sent for a while; start again with one request, each reply lets one more in."""
        self._ramp = 1
        self._begin_round(now)

    def _count(self, now: float, sent_at: float, *, is_saturated: bool, is_failed: bool) -> None:
        if not is_saturated or self._ramp < self._level or self._round_begun == float("inf"):
            self._begin_round(now)
            return
        # What was sent before the round has seen another number in flight.
        if sent_at < self._round_begun:
            return
        self._latencies.append(now - sent_at)
        self._n_failed += is_failed
        if len(self._latencies) >= max(self._level, LEAST_ROUND):
            self._decide(now)
            self._begin_round(now)

    def _decide(self, now: float) -> None:
        rate = self._level / max(median(self._latencies), 1e-6)
        self._proven = self._level
        if self._n_failed >= FAILED_SHARE * len(self._latencies):
            self._level = self._good_level = max(1, self._level // 2)
            self._settle(now)
            self._was_weather = True
        elif self._is_doubling:
            if rate >= GAIN_OF_DOUBLING * self._good_rate:
                self._keep(rate)
                self._level = min(2 * self._level, self._ceiling)
            else:
                self._level = self._good_level
                self._settle(now)
        elif self._is_trying:
            self._is_trying = False
            # Half of what more requests could bring at best.
            if rate >= self._good_rate * (1 + (self._level / self._good_level - 1) / 2):
                self._keep(rate)
                self._pause = FIRST_PAUSE_SECONDS
            else:
                self._level = self._good_level
                self._settle(now)
        elif now >= self._next_try_at and self._level < self._ceiling:
            self._keep(rate)
            # Weather passes, and then all may be as before; what a server takes at once seldom changes.
            self._is_doubling, self._is_trying = self._was_weather, not self._was_weather
            step = self._level if self._was_weather else max(1, self._level // 10)
            self._was_weather = False
            self._level = min(self._level + step, self._ceiling)

    def _keep(self, rate: float) -> None:
        self._good_level, self._good_rate = self._level, rate

    def _settle(self, now: float) -> None:
        """Stay here for a while, longer each time that more did not help."""
        self._is_doubling = self._is_trying = False
        self._next_try_at = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    def _begin_round(self, now: float) -> None:
        self._latencies = []
        self._n_failed = 0
        self._round_begun = now
