"""An asyncio loop in a thread of its own, so that replies come in while the consumer is busy with the last ones.

Work goes in through `submit`, results come out through `take`, in the order in which they are done. The loop goes on
while nobody takes, so whoever submits bounds what is outstanding.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

J = TypeVar("J")
R = TypeVar("R")


class Background(Generic[J, R]):
    """Runs coroutines and hands back (job, result or exception)."""

    def __init__(self) -> None:
        self._done: queue.SimpleQueue[tuple[J, R | BaseException] | None] = queue.SimpleQueue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nightjar-llm", daemon=True)
        self._thread.start()

    def submit(self, job: J, work: Callable[[], Coroutine[Any, Any, R]]) -> None:
        """Start `work` in the loop; its result will come out of `take` with `job`."""
        self._loop.call_soon_threadsafe(self._start, job, work)

    def take(self, timeout_seconds: float | None = None) -> tuple[J, R | BaseException] | None:
        """The next result, waited for, or None when woken; raises queue.Empty when time is up."""
        return self._done.get(timeout=timeout_seconds)

    def wake(self) -> None:
        """Make `take` return; may be called from a signal handler."""
        self._done.put(None)

    def has_result(self) -> bool:
        """Whether `take` would return at once."""
        return not self._done.empty()

    def call(self, function: Callable[[], None]) -> None:
        """Run a plain function in the loop, soon."""
        self._loop.call_soon_threadsafe(function)

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Cancel what still runs, run `last`, end the thread."""
        asyncio.run_coroutine_threadsafe(self._finish(last), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _start(self, job: J, work: Callable[[], Coroutine[Any, Any, R]]) -> None:
        task = self._loop.create_task(self._run(job, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, job: J, work: Callable[[], Coroutine[Any, Any, R]]) -> None:
        try:
            result: R | BaseException = await work()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - it is raised where results are taken
            result = error
        self._done.put((job, result))

    async def _finish(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        running = list(self._tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await last()
        await self._loop.shutdown_default_executor()
