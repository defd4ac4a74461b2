"""How fast we ask: how many requests are in flight, and when everybody holds still because the server says so.

This is the one place through which every request passes, so limits that adapt to the server belong here.
Lives in one asyncio loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tasks.llm.errors import Stopped


class Pace:
    """At most `max_in_flight` requests at a time, none while a hold lasts, none at all after `stop`."""

    def __init__(self, max_in_flight: int) -> None:
        self._slots = asyncio.Semaphore(max_in_flight)
        self._stopped = asyncio.Event()
        self._resume_at = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a slot and for the end of any hold; raises Stopped when the run ends first."""
        async with self._slots:
            await self._wait_out_hold()
            yield

    def hold(self, seconds: float) -> None:
        """Send nothing for `seconds` from now: what one request is told holds for all."""
        self._resume_at = max(self._resume_at, asyncio.get_running_loop().time() + seconds)

    def stop(self) -> None:
        """Send nothing any more; what is in flight goes on."""
        self._stopped.set()

    async def rest(self, seconds: float) -> None:
        """Sleep, without a slot; raises Stopped when the run ends meanwhile."""
        if seconds > 0 and not self._stopped.is_set():
            try:
                await asyncio.wait_for(self._stopped.wait(), timeout=seconds)
            except TimeoutError:
                return
        if self._stopped.is_set():
            raise Stopped

    async def _wait_out_hold(self) -> None:
        loop = asyncio.get_running_loop()
        await self.rest(0)
        while (left := self._resume_at - loop.time()) > 0:
            await self.rest(left)
