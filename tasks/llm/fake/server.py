"""The provider behind a port of 127.0.0.1, served by a loop in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any, Self, TypeVar

from aiohttp import web

from tasks.llm.fake.provider import FakeProvider

T = TypeVar("T")

HOST = "127.0.0.1"
BACKLOG = 1024
# Linger for no time: closing sends a reset at once.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class LoopbackServer:
    """Serves a provider while its context lasts; port 0 takes any that is free.

    >>> with LoopbackServer(FakeProvider(seed=7)) as server:
    ...     server.stats()["n_requests"]
    0
    """

    def __init__(self, provider: FakeProvider, port: int = 0) -> None:
        self._provider = provider
        self._socket = socket.create_server((HOST, port), backlog=BACKLOG)
        self._url = f"http://{HOST}:{self._socket.getsockname()[1]}/v1"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nightjar-fake-provider", daemon=True)
        # A clock that tells the date and never goes back.
        self._epoch = time.time() - time.monotonic()

    @property
    def url(self) -> str:
        """The base URL for an endpoint; ends in /v1."""
        return self._url

    def __enter__(self) -> Self:
        self._thread.start()
        self._http, self._listener = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def stats(self) -> dict[str, Any]:
        """The counters, as GET /stats tells them."""
        return self._call(self._provider.stats)

    def reset_stats(self) -> None:
        """Count anew."""
        self._call(self._provider.reset_stats)

    def _call(self, function: Callable[[], T]) -> T:
        """Run a function in the provider's own thread."""

        async def call() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result()

    async def _listen(self) -> tuple[web.Server, asyncio.Server]:
        # The low-level server: no router and no access log, which would cost as much as an answer.
        http = web.Server(self._handle, access_log=None)
        return http, await self._loop.create_server(http, sock=self._socket, backlog=BACKLOG)

    async def _close(self) -> None:
        self._listener.close()
        await self._http.shutdown(timeout=0.1)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        # Read from the stream itself, because request.read() stops at a megabyte.
        body = await request.content.read()
        method, path = request.method, request.raw_path
        arrived_at = self._epoch + time.monotonic()
        self._provider.begin(path, now=arrived_at)
        response = self._provider.answer(method, path, request.headers, body, arrived_at)
        if response.delay_seconds:
            await asyncio.sleep(response.delay_seconds)
        now = self._epoch + time.monotonic()
        self._provider.end(method, path, response, arrived_at=arrived_at, now=now)
        if response.is_dropped:
            _reset(request.transport)
        return web.Response(status=response.status, headers=response.headers, body=response.body)


def _reset(transport: asyncio.Transport | None) -> None:
    if transport is not None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
