"""One run of the engine over a stream of questions: looking up, feeding, halving, handing out, ending.

All of this happens in the consumer's thread; prompts are asked and answers are stored in the background. Outstanding
work is bounded by twice the requests in flight, whatever the consumer's pace, and a slow reply holds no other up. Time
O(questions).
"""

from __future__ import annotations

import asyncio
import logging
import queue
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Generic, TypeVar

from tasks.contracts.errors import TerminalError
from tasks.llm.asking import Asked, ask
from tasks.llm.background import Background
from tasks.llm.batching import Batcher
from tasks.llm.cache import Keys, ReplyStore, StoredReply
from tasks.llm.client import ChatClient
from tasks.llm.errors import InvalidReplyError, Stopped
from tasks.llm.form import Form, Outcome
from tasks.llm.interrupts import Interrupts
from tasks.llm.pace import Pace
from tasks.llm.reading import Read
from tasks.llm.types import NOTHING_USED, Completion, Endpoint, TokenUsage, Trouble

Q = TypeVar("Q")
A = TypeVar("A")

LOOKED_UP_AT_ONCE = 32
# So many questions without one answer: it is not the questions, and asking on would only cost.
HOPELESS_AFTER = 50

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Keyed(Generic[Q]):
    """A question under its key."""

    key: str
    question: Q


@dataclass(frozen=True)
class _Job(Generic[Q]):
    """Questions for one prompt, and what larger batches that held them have cost in vain."""

    asked: tuple[_Keyed[Q], ...]
    spent: TokenUsage = NOTHING_USED
    attempts: int = 0

    @property
    def questions(self) -> list[Q]:
        return [keyed.question for keyed in self.asked]


class Run(Generic[Q, A]):
    """The state of one run; used once."""

    def __init__(
        self, endpoint: Endpoint, form: Form[Q, A], *, client: ChatClient, pace: Pace, store: ReplyStore, size: int
    ) -> None:
        self._endpoint = endpoint
        self._form = form
        self._client = client
        self._pace = pace
        self._store = store
        self._keys = Keys(endpoint)
        self._batcher: Batcher[_Keyed[Q]] = Batcher(size, lambda keyed: form.group(keyed.question))
        self._background: Background[_Job[Q], Asked[Sequence[Read[A]]]]
        self._interrupts: Interrupts
        self._n_jobs = 0
        self._n_answered = self._n_given_up = 0
        # Questions that wait for the answer to the same question, by key; a key is there as long as it is being asked.
        self._same: dict[str, list[Q]] = {}
        self._failed: dict[str, Trouble] = {}
        self._ready: deque[Outcome[Q, A]] = deque()
        self._end: BaseException | None = None

    def stream(self, questions: Iterable[Q]) -> Generator[Outcome[Q, A], None, None]:
        """Outcomes as they are ready.

        What ends the run early (a TerminalError, a budget, an error in `questions`, Ctrl-C) is raised when the requests
        in flight have been answered, stored and handed out; a second Ctrl-C does not wait. A consumer that stops
        iterating has the requests in flight stored, too.
        """
        source = iter(questions)
        self._background = Background(self._keep)
        with Interrupts(self._background.wake) as self._interrupts:
            try:
                while self._advance(source):
                    if self._ready:
                        yield self._ready.popleft()
            except GeneratorExit as end:
                self._stop(end)
                while self._n_jobs:
                    self._settle_ready()
                if not self._interrupts.is_wished:
                    raise
            finally:
                self._background.close(self._client.close)
        if self._interrupts.is_wished and not isinstance(self._end, TerminalError):
            raise KeyboardInterrupt
        if self._end is not None:
            raise self._end

    def _advance(self, source: Iterator[Q]) -> bool:
        """Feed, wait for a result unless outcomes are ready, take all that came in; False when all is done."""
        if self._interrupts.is_wished:
            self._stop(KeyboardInterrupt())
        is_exhausted = self._end is not None or self._feed(source)
        if self._n_jobs and (not self._ready or self._background.has_result()):
            self._settle_ready()
        return bool(self._ready or self._n_jobs or not is_exhausted)

    def _feed(self, source: Iterator[Q]) -> bool:
        """Start jobs up to the bound; True when there are no more.

        Questions are looked up some at once: each call to the store gives the other thread its turn, which takes long.
        """
        bound = 2 * self._endpoint.max_in_flight
        while self._n_jobs < bound and len(self._ready) < bound:
            try:
                block = list(islice(source, min(LOOKED_UP_AT_ONCE, self._endpoint.max_in_flight)))
            except Exception as error:  # noqa: BLE001 - it is raised once what is in flight is safe
                self._stop(error)
                return True
            for keyed in self._look_up(block):
                self._start_batch(self._batcher.add(keyed))
            if not block:
                while batch := self._batcher.take_oldest():
                    self._start_batch(batch)
                return True
        return False

    def _look_up(self, block: Sequence[Q]) -> Iterator[_Keyed[Q]]:
        """Those of the block that must be asked; others have their outcome now, or wait for a twin's."""
        keyed = [_Keyed(self._keys.of(self._form.render([question])), question) for question in block]
        stored = self._store.get([one.key for one in keyed]) if keyed else {}
        for one in keyed:
            if one.key in self._same:
                self._same[one.key].append(one.question)
            elif one.key in self._failed:
                self._ready.append(Outcome(one.question, None, trouble=self._failed[one.key]))
            elif one.key not in stored or not self._serve(one, stored[one.key]):
                self._same[one.key] = []
                yield one

    def _serve(self, keyed: _Keyed[Q], stored: StoredReply) -> bool:
        try:
            [read] = self._form.read(stored.text, [keyed.question])
        except InvalidReplyError:
            _log.info("a stored reply no longer passes the checks; asking again")
            return False
        self._ready.append(Outcome(keyed.question, read.answer))
        return True

    def _start_batch(self, batch: Sequence[_Keyed[Q]]) -> None:
        if batch:
            self._start(_Job(tuple(batch)))

    def _start(self, job: _Job[Q]) -> None:
        prompt = self._form.render(job.questions)
        tokens_out = self._form.tokens_per_answer * len(job.asked)

        def read(completion: Completion) -> Sequence[Read[A]]:
            return self._form.read(completion.text, job.questions, completion.tokens)

        self._n_jobs += 1
        self._background.submit(job, lambda: ask(self._client, prompt, read=read, tokens_out=tokens_out))

    def _keep(self, results: Sequence[tuple[_Job[Q], Asked[Sequence[Read[A]]]]]) -> None:
        """Store answers before anybody sees them; called in the background, all that are there in one go."""
        self._store.put([row for job, result in results for row in _stored_rows(job, result)])

    def _settle_ready(self) -> None:
        """Wait for a result, and take those that are there too."""
        is_first = True
        while self._n_jobs and (is_first or self._background.has_result()):
            is_first = False
            # When the run ends, an answer can take no longer than the endpoint's own limit.
            timeout = None if self._end is None else self._endpoint.timeout_seconds + 1
            try:
                done = self._background.take(timeout)
            except queue.Empty:
                self._n_jobs = 0
                return
            if done is None:
                return
            self._n_jobs -= 1
            job, result = done
            if isinstance(result, Asked):
                spent = replace(job, spent=job.spent + result.usage, attempts=job.attempts + result.attempts)
                self._settle(spent, result)
            elif not isinstance(result, (Stopped, asyncio.CancelledError)):
                self._stop(result)

    def _settle(self, job: _Job[Q], result: Asked[Sequence[Read[A]]]) -> None:
        if result.value is not None:
            self._hand_out(job, result.value)
        elif result.trouble is not None and (len(job.asked) == 1 or result.trouble.code == "rate_limited"):
            self._give_up(job, result.trouble)
        elif self._end is None:
            middle = (len(job.asked) + 1) // 2
            self._start(replace(job, asked=job.asked[:middle]))
            self._start(replace(job, asked=job.asked[middle:], spent=NOTHING_USED))

    def _hand_out(self, job: _Job[Q], reads: Sequence[Read[A]]) -> None:
        usage = job.spent
        self._n_answered += len(reads)
        for keyed, read in zip(job.asked, reads, strict=True):
            self._ready.append(self._outcome(job, keyed, usage, answer=read.answer))
            self._ready.extend(Outcome(same, read.answer) for same in self._same.pop(keyed.key))
            usage = NOTHING_USED

    def _give_up(self, job: _Job[Q], trouble: Trouble) -> None:
        usage = job.spent
        for keyed in job.asked:
            self._failed[keyed.key] = trouble
            self._ready.append(self._outcome(job, keyed, usage, trouble=trouble))
            self._ready.extend(Outcome(same, None, trouble=trouble) for same in self._same.pop(keyed.key))
            usage = NOTHING_USED
        self._n_given_up += len(job.asked)
        if self._n_answered == 0 and self._n_given_up >= HOPELESS_AFTER:
            told = f"none of the first {self._n_given_up} questions got a usable answer"
            self._stop(
                TerminalError(f"{told}; see the dead letters, and try another model. The last: {trouble.reason}")
            )

    def _outcome(
        self,
        job: _Job[Q],
        keyed: _Keyed[Q],
        usage: TokenUsage,
        *,
        answer: A | None = None,
        trouble: Trouble | None = None,
    ) -> Outcome[Q, A]:
        cost_usd = self._endpoint.cost_usd(usage)
        return Outcome(keyed.question, answer, trouble, usage=usage, cost_usd=cost_usd, attempts=job.attempts)

    def _stop(self, end: BaseException) -> None:
        """Send nothing more; what is in flight is waited for."""
        if self._end is None:
            self._end = end
            self._background.call(self._pace.stop)
            if self._n_jobs:
                _log.info("ending early: waiting for at most %d requests in flight", self._pace.n_in_flight)


def _stored_rows(job: _Job[Q], result: Asked[Sequence[Read[A]]]) -> Iterator[tuple[str, StoredReply]]:
    usage = result.usage
    for keyed, read in zip(job.asked, result.value or (), strict=False):
        yield keyed.key, StoredReply(read.text, result.model, usage)
        usage = NOTHING_USED
