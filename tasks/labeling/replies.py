"""The engine's reply store and its book of batches on top of the warehouse's file: on disk before they are used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, cast

from tasks.labelers.protocol import Task
from tasks.llm.batch.book import BatchRecord, BatchRow, Status
from tasks.llm.cache import StoredReply
from tasks.llm.types import TokenUsage
from warehouse.replies import ReplyFile, StoredRow


class WarehouseStore:
    """A ReplyStore for the replies to one task."""

    def __init__(self, file: ReplyFile, task: Task) -> None:
        self._file = file
        self._task = task

    def get(self, keys: Sequence[str]) -> dict[str, StoredReply]:
        """The replies that there are under `keys`."""
        return {key: _reply(row) for key, row in self._file.get(keys).items()}

    def put(self, replies: Sequence[tuple[str, StoredReply]]) -> None:
        """Keep replies; they are on disk when this returns."""
        self._file.put(self._task, [(key, _row(reply)) for key, reply in replies])


class WarehouseBook:
    """A BatchBook for the batches of one task."""

    def __init__(self, file: ReplyFile, task: Task) -> None:
        self._batches = file.batches
        self._task = task

    def add(self, record: BatchRecord, rows: Iterable[BatchRow]) -> None:
        """Note a batch that is about to be sent, with all its questions."""
        values = asdict(record)
        values["batch_key"] = values.pop("key")
        self._batches.add(values, task=self._task, rows=((row.key, row.custom_id, row.position) for row in rows))

    def update(self, key: str, **changes: Any) -> None:
        """Change status, batch_id or message of a batch."""
        self._batches.update(key, changes)

    def find(self, scope: str, statuses: Sequence[Status]) -> list[BatchRecord]:
        """The batches of a scope in one of these states, oldest first."""
        return [BatchRecord(key=row.pop("batch_key"), **row) for row in self._batches.find(scope, statuses)]

    def status_of(self, question_key: str) -> Status | None:
        """The state of the batch that asks a question, None where none does."""
        return cast("Status | None", self._batches.status_of(question_key))

    def keys_of(self, key: str, custom_id: str) -> list[str]:
        """The questions of one request of a batch in their order."""
        return self._batches.keys_of(key, custom_id)

    def forget_question(self, question_key: str) -> None:
        """No batch asks this question any more."""
        self._batches.forget_question(question_key)

    def forget_questions(self, key: str) -> None:
        """No question is asked by this batch any more."""
        self._batches.forget_questions(key)


def _reply(row: StoredRow) -> StoredReply:
    usage = TokenUsage(tokens_in=row.tokens_in, tokens_out=row.tokens_out, tokens_cached=row.tokens_cached)
    return StoredReply(row.text, row.model, usage)


def _row(reply: StoredReply) -> StoredRow:
    usage = reply.usage
    return StoredRow(reply.text, reply.model, usage.tokens_in, usage.tokens_out, usage.tokens_cached)
