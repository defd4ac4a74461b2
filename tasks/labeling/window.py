"""One rate limit for all who ask an endpoint: a Prefect global limit where a server runs, else a file of this machine.

Reads and writes `<temporary folder>/nightjar-<user>/<endpoint>.sqlite`, or the limit `nightjar-<endpoint>` of the Prefect
server. So two catalogs, two warehouses or ten workers that use one key stay within what one may.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from functools import cached_property
from pathlib import Path

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

from tasks.llm.rates import WINDOW_SECONDS, RateLimits, RateWindow, Sends, bucket_of, seconds_to_wait
from tasks.llm.types import Endpoint
from warehouse.sends import SendsFile

AHEAD_SECONDS = 60.0
TAKES_A_SECOND = 10
LEAST_WAIT_SECONDS = 0.05


def shared_window(endpoint: Endpoint) -> RateWindow:
    """The window of an endpoint that everybody shares; the same server and model have the same one."""
    parts = [endpoint.identity["provider"], endpoint.model]
    name = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    window = FileWindow(_folder() / f"{name}.sqlite")
    return PrefectWindow(f"nightjar-{name}", window) if PREFECT_API_URL.value() else window


def _folder() -> Path:
    return Path(tempfile.gettempdir()) / f"nightjar-{os.getuid()}"


class FileWindow:
    """A RateWindow over the last minute of all processes of this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _file(self) -> SendsFile:
        return SendsFile(self._path)

    async def take(self, limits: RateLimits, tokens: int) -> float:
        """Count one request of about `tokens` and give 0.0, or count nothing and give the seconds to wait."""
        with self._file.alone():
            now = time.time()
            sends = [Sends(*row) for row in self._file.read(since=now - WINDOW_SECONDS, until=now + AHEAD_SECONDS)]
            wait = seconds_to_wait(sends, limits, tokens, now=now)
            if wait == 0.0:
                self._file.add(bucket_of(now), n=1, tokens=tokens)
        return wait

    def correct(self, tokens: int) -> None:
        """Add what a request has used beyond (or, negative, below) what was expected."""
        if tokens:
            self._file.add(bucket_of(time.time()), n=0, tokens=tokens)


class PrefectWindow:
    """A RateWindow that asks a Prefect server for requests, and `inner` for tokens.

    The limit is made where there is none: slots that decay evenly. One that the operator has made under the name stays
    as it is. Slots are taken a few at a time, so that a high limit does not ask the server for each request.
    """

    def __init__(self, name: str, inner: RateWindow) -> None:
        self.name = name
        self._inner = inner
        self._is_made = False
        self._n_taken = 0

    async def take(self, limits: RateLimits, tokens: int) -> float:
        """Take a slot of the global limit and give 0.0, or take none and give the seconds to wait."""
        wait = await self._inner.take(RateLimits(None, limits.tokens_per_minute), tokens)
        if wait == 0.0 and limits.requests_per_minute is not None:
            if self._n_taken == 0:
                wait = await self._take_slots(limits.requests_per_minute)
            if wait > 0:
                self._inner.correct(-tokens)
            else:
                self._n_taken -= 1
        return wait

    def correct(self, tokens: int) -> None:
        """Add what a request has used beyond (or, negative, below) what was expected."""
        self._inner.correct(tokens)

    async def _take_slots(self, requests_per_minute: int) -> float:
        burst = max(1, requests_per_minute // 60)
        n_slots = max(1, burst // TAKES_A_SECOND)
        async with get_client() as client:
            if not self._is_made:
                await self._make(client, requests_per_minute, burst)
            try:
                await client.increment_concurrency_slots(names=[self.name], slots=n_slots, mode="rate_limit")
            except httpx.HTTPStatusError as error:
                if error.response.status_code != httpx.codes.LOCKED:
                    raise
                return max(float(error.response.headers.get("retry-after", "1")), LEAST_WAIT_SECONDS)
        self._n_taken = n_slots
        return 0.0

    async def _make(self, client: PrefectClient, requests_per_minute: int, burst: int) -> None:
        try:
            await client.read_global_concurrency_limit_by_name(self.name)
        except ObjectNotFound:
            # A minute then holds at most the burst and sixty seconds of decay, which is the limit.
            decay = max(requests_per_minute - burst, 1) / 60
            await client.upsert_global_concurrency_limit_by_name(self.name, burst, decay)
        self._is_made = True
