"""An asyncio loop in a thread of its own, so that replies come in while the consumer is busy with the last ones.

Work goes in through `submit`, results come out through `take`. Between the two a second thread hands them to `keep`, all
that are there at once: so what is answered is safe within milliseconds, whatever the consumer does meanwhile. The loop
goes on while nobody takes, so whoever submits bounds what is outstanding.
"""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

J = TypeVar("J")
R = TypeVar("R")

MOST_KEPT_AT_ONCE = 50
# A thread that has a reply to keep should not wait five milliseconds for its turn, which is Python's usual interval.
SWITCH_SECONDS = 0.001


class Background(Generic[J, R]):
    """Runs coroutines, keeps their results, and hands back (job, result or exception)."""

    def __init__(self, keep: Callable[[Sequence[tuple[J, R]]], None]) -> None:
        """`keep` is called in a thread of its own, with results only; what it raises becomes the result of those jobs."""
        self._keep = keep
        self._answered: queue.SimpleQueue[tuple[J, R | BaseException] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[J, R | BaseException] | None] = queue.SimpleQueue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._usual_switch_seconds = sys.getswitchinterval()
        sys.setswitchinterval(min(SWITCH_SECONDS, self._usual_switch_seconds))
        self._loop = asyncio.new_event_loop()
        self._threads = [
            threading.Thread(target=self._loop.run_forever, name="nightjar-llm", daemon=True),
            threading.Thread(target=self._keep_all, name="nightjar-llm-keep", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

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
        """Cancel what still runs, run `last`, keep what was answered, end the threads."""
        asyncio.run_coroutine_threadsafe(self._finish(last), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._answered.put(None)
        for thread in self._threads:
            thread.join()
        self._loop.close()
        sys.setswitchinterval(self._usual_switch_seconds)

    def _start(self, job: J, work: Callable[[], Coroutine[Any, Any, R]]) -> None:
        task = self._loop.create_task(self._run(job, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, job: J, work: Callable[[], Coroutine[Any, Any, R]]) -> None:
        try:
            result: R | BaseException = await work()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - it is raised where results are taken
            result = error
        self._answered.put((job, result))

    def _keep_all(self) -> None:
        is_open = True
        while is_open:
            taken = [self._answered.get()]
            while len(taken) < MOST_KEPT_AT_ONCE and not self._answered.empty():
                taken.append(self._answered.get())
            is_open = None not in taken
            answered = [pair for pair in taken if pair is not None]
            for pair in self._keep_some(answered):
                self._done.put(pair)

    def _keep_some(self, answered: Sequence[tuple[J, R | BaseException]]) -> list[tuple[J, R | BaseException]]:
        results = [(job, result) for job, result in answered if not isinstance(result, BaseException)]
        try:
            if results:
                self._keep(results)
        except Exception as error:  # noqa: BLE001 - it is raised where results are taken
            return [(job, error) for job, _ in answered]
        return list(answered)

    async def _finish(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        running = list(self._tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await last()
        await self._loop.shutdown_default_executor()
