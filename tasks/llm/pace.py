"""The gate through which every request passes: how many are in flight, how many a minute, and when all hold still.

Who is at the gate waits for the end of a pause that the server asked for, for a free place (tasks/llm/concurrency.py)
and for room in the last minute (tasks/llm/rates.py), in the order of arrival. Lives in one asyncio loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tasks.llm.concurrency import Concurrency
from tasks.llm.errors import BusyError, NoAnswerError, Stopped
from tasks.llm.rates import RateLimits, RateWindow, SlidingWindow, read_limits
from tasks.llm.types import Endpoint


@dataclass
class Turn:
    """One request that may be sent; `tokens` is what it was expected to use."""

    sent_at: float
    tokens: int
    is_counted: bool


class Pace:
    """Lets requests through at the pace that the server bears, none after `stop`."""

    def __init__(self, endpoint: Endpoint, window: RateWindow | None = None) -> None:
        self.limits = RateLimits(endpoint.requests_per_minute, endpoint.tokens_per_minute)
        self._configured = self.limits
        self._concurrency = Concurrency(endpoint.max_in_flight)
        self._window: RateWindow = window or SlidingWindow()
        self._gate = asyncio.Lock()
        self._freed = asyncio.Event()
        self._stopped = asyncio.Event()
        self._n_in_flight = 0
        self._n_waiting = 0
        self._is_paced = False
        self._resume_at = 0.0

    @property
    def n_in_flight(self) -> int:
        """How many requests have been sent and not answered."""
        return self._n_in_flight

    @property
    def _is_saturated(self) -> bool:
        """Whether somebody is at the gate for want of a place."""
        return self._n_waiting > 0 and not self._is_paced

    @asynccontextmanager
    async def turn(self, tokens: int = 0) -> AsyncIterator[Turn]:
        """Wait until a request of about `tokens` may be sent; raises Stopped when the run ends first.

        The error that leaves the context says how it went: BusyError was a refusal, NoAnswerError a failure.
        """
        self._n_waiting += 1
        try:
            async with self._gate:
                turn = await self._enter(tokens)
        finally:
            self._n_waiting -= 1
        try:
            yield turn
        except BusyError as busy:
            self._leave()
            now = self._now()
            self._concurrency.refused(now, sent_at=turn.sent_at, n_accepted=self._n_in_flight)
            if busy.retry_after is not None:
                self.hold(busy.retry_after)
            raise
        except NoAnswerError:
            self._concurrency.failed(self._now(), sent_at=turn.sent_at, is_saturated=self._is_saturated)
            self._leave()
            raise
        except BaseException:
            self._leave()
            raise
        self._concurrency.succeeded(self._now(), sent_at=turn.sent_at, is_saturated=self._is_saturated)
        self._leave()

    def correct(self, turn: Turn, *, tokens: int) -> None:
        """Count what a request has really used in the place of what was expected; 0: the server did not say."""
        if turn.is_counted and tokens:
            self._window.correct(tokens - turn.tokens)

    def hear(self, headers: Mapping[str, str]) -> None:
        """Learn from the headers of a response."""
        heard = read_limits(headers)
        if heard is not None:
            self.limits = self._configured.or_else(heard.limits)
            if heard.wait_seconds > 0:
                self._resume_at = max(self._resume_at, self._now() + heard.wait_seconds)

    def hold(self, seconds: float) -> None:
        """Send nothing for `seconds` from now: what one request is told holds for all."""
        now = self._now()
        if now + seconds > self._resume_at:
            self._resume_at = now + seconds
            self._concurrency.held(now)

    def stop(self) -> None:
        """Send nothing any more; what is in flight goes on."""
        self._stopped.set()
        self._freed.set()

    async def rest(self, seconds: float) -> None:
        """Sleep, away from the gate; raises Stopped when the run ends meanwhile."""
        if seconds > 0 and not self._stopped.is_set():
            try:
                await asyncio.wait_for(self._stopped.wait(), timeout=seconds)
            except TimeoutError:
                return
        if self._stopped.is_set():
            raise Stopped

    async def _enter(self, tokens: int) -> Turn:
        while True:
            if self._stopped.is_set():
                raise Stopped
            if (left := self._resume_at - self._now()) > 0:
                self._is_paced = True
                await self.rest(left)
            elif self._n_in_flight >= self._concurrency.limit:
                self._is_paced = False
                self._freed.clear()
                await self._freed.wait()
            elif (wait := await self._wait_for_window(tokens)) > 0:
                self._is_paced = True
                await self.rest(wait)
            else:
                self._n_in_flight += 1
                return Turn(self._now(), tokens, is_counted=not self.limits.is_unlimited)

    async def _wait_for_window(self, tokens: int) -> float:
        return 0.0 if self.limits.is_unlimited else await self._window.take(self.limits, tokens)

    def _leave(self) -> None:
        self._n_in_flight -= 1
        self._freed.set()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
