"""One run of the engine through the Batch API: prepare, submit, wait, collect, and ask online what a batch left open.

Every step is noted before it is taken, so that a process that dies at any point leaves a batch that the next one finds:
by its id, or, if it died before the id was noted, by the key in the batch's metadata. Questions wait on disk meanwhile.
Time O(questions), memory O(one input file).
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import SecretStr

from tasks.contracts.errors import UnfinishedError
from tasks.llm.batch.book import LOST, OPEN, BatchBook, BatchRecord
from tasks.llm.batch.collect import Collected, collect_rows
from tasks.llm.batch.files import FileLimits, InputFile, InputWriter
from tasks.llm.batch.remote import BatchClient, RemoteBatch
from tasks.llm.batch.spool import Spool
from tasks.llm.batching import Batcher
from tasks.llm.budget import Budget, Reservation, dearest_case
from tasks.llm.cache import Keys, ReplyStore
from tasks.llm.dialect import Dialect, KnownDialects, build_body
from tasks.llm.form import Form, Outcome
from tasks.llm.types import NOTHING_USED, Endpoint, Prompt, TokenUsage

Q = TypeVar("Q")
A = TypeVar("A")
AskOnline = Callable[[Iterable[Q]], Generator[Outcome[Q, A], None, None]]

FIRST_POLL_SECONDS = 2.0
LONGEST_POLL_SECONDS = 60.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchDesk:
    """Where batches are noted and their input files lie, and the limits of the provider."""

    book: BatchBook
    folder: Path
    limits: FileLimits = field(default_factory=FileLimits)
    first_poll_seconds: float = FIRST_POLL_SECONDS


@dataclass
class _Tally:
    """What the run has to tell in the end: questions still in open batches, and why others stay due."""

    n_waiting: int = 0
    told: list[str] = field(default_factory=list)
    in_vain: TokenUsage = NOTHING_USED


class BatchRun(Generic[Q, A]):
    """The state of one run; used once."""

    def __init__(
        self,
        endpoint: Endpoint,
        form: Form[Q, A],
        *,
        desk: BatchDesk,
        api_key: SecretStr | None,
        store: ReplyStore,
        budget: Budget,
        known: KnownDialects,
        size: int,
    ) -> None:
        self._endpoint = endpoint
        self._form = form
        self._desk = desk
        self._book = desk.book
        self._api_key = api_key
        self._store = store
        self._budget = budget
        self._known = known
        self._size = size
        self._keys = Keys(endpoint)
        self._client = BatchClient(endpoint, api_key)
        self._scope = ""
        self._reserved: dict[str, list[Reservation]] = {}
        self._tally = _Tally()

    def stream(self, questions: Iterable[Q], ask_online: AskOnline[Q, A]) -> Generator[Outcome[Q, A], None, None]:
        """Outcomes once the batches have ended; `ask_online` asks the first request, and what a batch left unanswered.

        Raises UnfinishedError when batches still run, were lost, or the budget is reached: those questions stay due.
        """
        source = iter(questions)
        first = next(source, None)
        if first is None:
            return
        prompt = self._form.render([first])
        identity = [self._endpoint.identity, prompt.system, prompt.schema_name, prompt.schema]
        self._scope = hashlib.sha256(repr(identity).encode()).hexdigest()[:32]
        try:
            for record in self._book.find(self._scope, LOST):
                self._book.forget_questions(record.key)
            with Spool[Q]() as spool:
                yield from self._prepare(_chain(first, source), spool, ask_online)
                self._wait()
                self._settle_open()
                for outcome in ask_online(question for question in spool if self._is_answerable(question)):
                    yield self._with_cost(outcome)
        finally:
            self._client.close()
        self._tell()

    def _prepare(
        self, questions: Iterable[Q], spool: Spool[Q], ask_online: AskOnline[Q, A]
    ) -> Generator[Outcome[Q, A], None, None]:
        """Put all questions aside, and those that nobody has asked into batches that are submitted as they fill."""
        writer = InputWriter(self._desk.folder, self._desk.limits)
        batcher: Batcher[tuple[str, Q]] = Batcher(self._size, lambda keyed: self._form.group(keyed[1]))
        fresh: set[str] = set()
        reserved: list[Reservation] = []
        for question in questions:
            key = self._keys.of(self._form.render([question]))
            if key in fresh or self._book.status_of(key) or self._store.get([key]):
                spool.add(question)
                continue
            fresh.add(key)
            batch = batcher.add((key, question))
            if not batch:
                continue
            if not self._known.proven:
                # How the server wants to be asked is found out with a request that has to be asked anyway.
                yield from ask_online([question for _, question in batch])
            elif not self._write(batch, writer, reserved, spool):
                break
        else:
            while batch := batcher.take_oldest():
                if not self._known.proven:
                    yield from ask_online([question for _, question in batch])
                elif not self._write(batch, writer, reserved, spool):
                    break
        self._send(writer.finish(), reserved)

    def _write(
        self, batch: list[tuple[str, Q]], writer: InputWriter, reserved: list[Reservation], spool: Spool[Q]
    ) -> bool:
        """Add one request; False when the budget has no room for it."""
        prompt = self._form.render([question for _, question in batch])
        reservation = self._budget.try_to_reserve(self._dearest(prompt, len(batch)))
        if reservation is None:
            self._tally.told.append(str(self._budget.reached()))
            return False
        body = self._body(prompt, self._known.proven.get(prompt.schema_name, self._known.first))
        full = writer.add([key for key, _ in batch], body)
        if full is not None:
            self._send(full, reserved)
            reserved.clear()
        reserved.append(reservation)
        for _, question in batch:
            spool.add(question)
        return True

    def _send(self, file: InputFile | None, reserved: list[Reservation]) -> None:
        """Note a batch with all its questions, and only then submit it."""
        if file is None:
            return
        record = BatchRecord(file.key, self._scope, self._endpoint.name, file.path.name, file.n_rows)
        self._book.add(record, file.rows)
        self._reserved[file.key] = list(reserved)
        self._submit(record)

    def _submit(self, record: BatchRecord) -> BatchRecord:
        path = self._desk.folder / record.file
        if not path.exists():
            self._book.update(record.key, status="failed", message="its input file is gone")
            self._tally.told.append(f"a batch of {record.n_rows} requests was never sent: {path} is gone")
            return replace(record, status="failed")
        remote = self._client.submit(record.key, path)
        self._book.update(record.key, status="submitted", batch_id=remote.batch_id, message=remote.message)
        _log.info("batch %s: %d requests submitted", remote.batch_id, record.n_rows)
        return replace(record, status="submitted", batch_id=remote.batch_id)

    def _wait(self) -> None:
        """Look after the open batches, less and less often, until all have ended or the time is up."""
        end = time.monotonic() + self._endpoint.batch_wait_seconds
        pause = self._desk.first_poll_seconds
        while True:
            for record in self._book.find(self._scope, OPEN):
                # A process that died may have left it before its id was noted.
                submitted = record if record.status == "submitted" else self._submit(record)
                if submitted.status == "submitted":
                    self._settle(submitted, self._client.look(submitted.batch_id))
            left = end - time.monotonic()
            if left <= 0 or not self._book.find(self._scope, OPEN):
                return
            time.sleep(min(pause, left))
            pause = min(1.5 * pause, LONGEST_POLL_SECONDS)

    def _settle_open(self) -> None:
        """What still runs will be on the bill: count it as spent, and let nobody wait for it."""
        for reservation in [one for reservations in self._reserved.values() for one in reservations]:
            self._budget.settle(reservation, cost_usd=reservation.cost_usd)
        self._reserved.clear()

    def _settle(self, record: BatchRecord, remote: RemoteBatch) -> None:
        self._book.update(record.key, message=f"{remote.status}: {remote.message}")
        if not remote.has_ended:
            return
        collected = Collected()
        for file_id in (remote.output_file_id, remote.error_file_id):
            if file_id:
                collect_rows(
                    self._client.read_lines(file_id),
                    lambda custom_id: self._book.keys_of(record.key, custom_id),
                    split=self._form.split,
                    endpoint=self._endpoint,
                    secret=self._api_key,
                    store=self._store,
                    into=collected,
                )
        self._tally.in_vain = self._tally.in_vain + collected.in_vain
        reservations = self._reserved.pop(record.key, [])
        cost_usd = self._price(collected.usage)
        for reservation in reservations:
            self._budget.settle(reservation, cost_usd=cost_usd / len(reservations))
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(collected.failed.items()))
        _log.info("batch %s: %d answered%s", remote.batch_id, collected.n_answered, f", {reasons}" if reasons else "")
        status = "collected" if remote.status == "completed" else remote.status
        self._book.update(record.key, status=status, message=f"{remote.status}: {reasons or remote.message}")
        if status != "collected":
            self._tally.told.append(f"batch {remote.batch_id} is {remote.status} ({remote.message or reasons})")
        (self._desk.folder / record.file).unlink(missing_ok=True)

    def _is_answerable(self, question: Q) -> bool:
        """Whether the question is answered, or may be asked online: not so if its batch still runs or was lost."""
        key = self._keys.of(self._form.render([question]))
        status = self._book.status_of(key)
        if status in OPEN:
            self._tally.n_waiting += 1
            return False
        # Without a batch and without an answer: it was a twin of one that the budget had no room for.
        return bool(self._store.get([key])) or not (status is None or status in LOST)

    def _with_cost(self, outcome: Outcome[Q, A]) -> Outcome[Q, A]:
        """The outcome with what its batch has cost, which the store has kept since it was collected."""
        key = self._keys.of(self._form.render([outcome.question]))
        usage, in_vain = NOTHING_USED, self._tally.in_vain
        if outcome.attempts == 0 and self._book.status_of(key) is not None:
            stored = self._store.get([key]).get(key)
            usage = replace(stored.usage, requests=1) if stored and stored.usage != NOTHING_USED else NOTHING_USED
        self._book.forget_question(key)
        self._tally.in_vain = NOTHING_USED
        batched = usage + in_vain
        cost_usd = outcome.cost_usd + self._price(batched)
        return replace(outcome, usage=outcome.usage + batched, cost_usd=cost_usd)

    def _tell(self) -> None:
        tally = self._tally
        open_ids = ", ".join(record.batch_id or "one" for record in self._book.find(self._scope, OPEN))
        if open_ids:
            tally.told.append(f"batch {open_ids} still runs with {tally.n_waiting} questions; a later run picks it up")
        if tally.told:
            raise UnfinishedError("; ".join(tally.told))

    def _body(self, prompt: Prompt, dialect: Dialect) -> dict[str, object]:
        return build_body(self._endpoint, prompt, prompt.messages, dialect=dialect)

    def _dearest(self, prompt: Prompt, n_questions: int) -> float:
        tokens_out = self._form.tokens_per_answer * n_questions
        dearest = dearest_case(self._endpoint, prompt, prompt.messages, tokens_out=tokens_out)
        return dearest * self._endpoint.batch_price_share

    def _price(self, usage: TokenUsage) -> float:
        return self._endpoint.cost_usd(usage) * self._endpoint.batch_price_share


def _chain(first: Q, rest: Iterator[Q]) -> Iterator[Q]:
    yield first
    yield from rest
