"""One run of the engine over a stream of batches: feeding, storing, halving, ending.

All of this happens in the consumer's thread; only `ask` runs in the background loop. Outstanding work is bounded by
twice the requests in flight, whatever the consumer's pace, and a slow reply holds no other up.
"""

from __future__ import annotations

import asyncio
import logging
import queue
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from tasks.contracts.errors import TerminalError
from tasks.llm.asking import Asked, ask
from tasks.llm.background import Background
from tasks.llm.cache import ReplyStore, StoredReply, reply_key
from tasks.llm.client import ChatClient
from tasks.llm.errors import InvalidReplyError, Stopped
from tasks.llm.form import Form, Outcome
from tasks.llm.interrupts import Interrupts
from tasks.llm.pace import Pace
from tasks.llm.types import NOTHING_USED, Endpoint, TokenUsage, Trouble

Q = TypeVar("Q")
A = TypeVar("A")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job(Generic[Q]):
    """Questions for one prompt, and what larger batches that held them have cost in vain."""

    questions: tuple[Q, ...]
    spent: TokenUsage = NOTHING_USED
    attempts: int = 0


class Run(Generic[Q, A]):
    """The state of one run; used once."""

    def __init__(
        self, endpoint: Endpoint, form: Form[Q, A], *, client: ChatClient, pace: Pace, store: ReplyStore
    ) -> None:
        self._endpoint = endpoint
        self._form = form
        self._client = client
        self._pace = pace
        self._store = store
        self._background: Background[str, Asked[Sequence[A]]]
        self._interrupts: Interrupts
        self._jobs: dict[str, list[_Job[Q]]] = {}
        self._ready: deque[Outcome[Q, A]] = deque()
        self._end: BaseException | None = None

    def stream(self, batches: Iterable[Sequence[Q]]) -> Generator[Outcome[Q, A], None, None]:
        """Outcomes as they are ready.

        What ends the run early (a TerminalError, an error in `batches`, Ctrl-C) is raised when the requests in flight
        have been answered, stored and handed out; a second Ctrl-C does not wait. A consumer that stops iterating
        has the requests in flight stored, too.
        """
        source = iter(batches)
        self._background = Background()
        with Interrupts(self._background.wake) as self._interrupts:
            try:
                while self._advance(source):
                    if self._ready:
                        yield self._ready.popleft()
            except GeneratorExit as end:
                self._stop(end)
                while self._jobs:
                    self._settle_next()
                if not self._interrupts.is_wished:
                    raise
            finally:
                self._background.close(self._client.close)
        if self._interrupts.is_wished and not isinstance(self._end, TerminalError):
            raise KeyboardInterrupt
        if self._end is not None:
            raise self._end

    def _advance(self, source: Iterator[Sequence[Q]]) -> bool:
        """Feed, wait for a result unless outcomes are ready, store all that came in; False when all is done."""
        if self._interrupts.is_wished:
            self._stop(KeyboardInterrupt())
        is_exhausted = self._end is not None or self._feed(source)
        if not self._ready and self._jobs:
            self._settle_next()
        while self._jobs and self._background.has_result():
            self._settle_next()
        return bool(self._ready or self._jobs or not is_exhausted)

    def _feed(self, source: Iterator[Sequence[Q]]) -> bool:
        """Start jobs up to the bound; True when there are no more."""
        bound = 2 * self._endpoint.max_in_flight
        while sum(map(len, self._jobs.values())) + len(self._ready) < bound:
            try:
                batch = next(source)
            except StopIteration:
                return True
            except Exception as error:  # noqa: BLE001 - it is raised once what is in flight is safe
                self._stop(error)
                return True
            if batch:
                self._start(_Job(tuple(batch)))
        return False

    def _start(self, job: _Job[Q]) -> None:
        prompt = self._form.render(job.questions)
        key = reply_key(self._endpoint, prompt)
        if key in self._jobs:
            self._jobs[key].append(job)
            return
        stored = self._store.get(key)
        if stored is not None:
            try:
                self._hand_out(job, self._form.read(stored.text, job.questions), usage=job.spent)
                return
            except InvalidReplyError:
                _log.info("a stored reply no longer passes the checks; asking again")
        self._jobs[key] = [job]

        def read(text: str) -> Sequence[A]:
            return self._form.read(text, job.questions)

        self._background.submit(key, lambda: ask(self._client, prompt, read=read))

    def _settle_next(self) -> None:
        """Wait for one result and turn it into outcomes, smaller jobs or the end of the run."""
        # When the run ends, an answer can take no longer than the endpoint's own limit.
        timeout = None if self._end is None else self._endpoint.timeout_seconds + 1
        try:
            done = self._background.take(timeout)
        except queue.Empty:
            self._jobs.clear()
            return
        if done is None:
            return
        key, result = done
        if isinstance(result, Asked) and result.value is not None:
            self._store.put(key, StoredReply(result.text, result.model, result.usage))
        jobs = self._jobs.pop(key)
        if isinstance(result, (Stopped, asyncio.CancelledError)):
            return
        if isinstance(result, BaseException):
            self._stop(result)
            return
        spent = result.usage
        for job in jobs:
            # The first job pays; those that waited for the same prompt got it for nothing.
            self._settle(replace(job, spent=job.spent + spent, attempts=job.attempts + result.attempts), result)
            spent = NOTHING_USED

    def _settle(self, job: _Job[Q], result: Asked[Sequence[A]]) -> None:
        if result.value is not None:
            self._hand_out(job, result.value, usage=job.spent)
        elif result.trouble is not None and (len(job.questions) == 1 or result.trouble.code == "rate_limited"):
            self._give_up(job, result.trouble)
        elif self._end is None:
            middle = (len(job.questions) + 1) // 2
            self._start(replace(job, questions=job.questions[:middle]))
            self._start(replace(job, questions=job.questions[middle:], spent=NOTHING_USED))

    def _hand_out(self, job: _Job[Q], answers: Sequence[A], *, usage: TokenUsage) -> None:
        for question, answer in zip(job.questions, answers, strict=True):
            self._ready.append(Outcome(question, answer, usage=usage, attempts=job.attempts))
            usage = NOTHING_USED

    def _give_up(self, job: _Job[Q], trouble: Trouble) -> None:
        usage = job.spent
        for question in job.questions:
            self._ready.append(Outcome(question, None, trouble=trouble, usage=usage, attempts=job.attempts))
            usage = NOTHING_USED

    def _stop(self, end: BaseException) -> None:
        """Send nothing more; what is in flight is waited for."""
        if self._end is None:
            self._end = end
            self._background.call(self._pace.stop)
            if self._jobs:
                _log.info("ending early: waiting for at most %d requests in flight", len(self._jobs))
