"""What is known of batches: which exist, how far they are, and which questions each of their rows asks.

The book itself is handed in (in production it lies in the warehouse's folder), so that another night or process picks up
a batch that is still running.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

Status = Literal["prepared", "submitted", "collected", "failed", "expired", "cancelled"]
OPEN: tuple[Status, ...] = ("prepared", "submitted")
LOST: tuple[Status, ...] = ("failed", "expired", "cancelled")


@dataclass(frozen=True)
class BatchRecord:
    """One batch. key is the SHA-256 of its input file, and stands in the metadata of the batch at the server.

    scope says who may pick it up: the same endpoint asking in the same way. file is the name of its input file, message
    what the server said last.
    """

    key: str
    scope: str
    endpoint: str
    file: str
    n_rows: int
    status: Status = "prepared"
    batch_id: str = ""
    message: str = ""


@dataclass(frozen=True)
class BatchRow:
    """One question of a batch: it is the `position`-th (from 0) of the request `custom_id`."""

    key: str
    custom_id: str
    position: int


class BatchBook(Protocol):
    """Where batches are noted; every call is on disk when it returns."""

    def add(self, record: BatchRecord, rows: Iterable[BatchRow]) -> None:
        """Note a batch that is about to be sent, with all its questions."""
        ...

    def update(self, key: str, **changes: Any) -> None:
        """Change status, batch_id or message of a batch."""
        ...

    def find(self, scope: str, statuses: Sequence[Status]) -> list[BatchRecord]:
        """The batches of a scope in one of these states, oldest first."""
        ...

    def status_of(self, question_key: str) -> Status | None:
        """The state of the batch that asks a question, None where none does."""
        ...

    def keys_of(self, key: str, custom_id: str) -> list[str]:
        """The questions of one request of a batch in their order; [] for a request that is none of it."""
        ...

    def forget_question(self, question_key: str) -> None:
        """The question has its outcome: no batch asks it any more."""
        ...

    def forget_questions(self, key: str) -> None:
        """No question is asked by this batch any more: those without an answer are due again."""
        ...


class MemoryBook:
    """Batches of this process only."""

    def __init__(self) -> None:
        self.records: dict[str, BatchRecord] = {}
        self._rows: dict[str, tuple[str, BatchRow]] = {}

    def add(self, record: BatchRecord, rows: Iterable[BatchRow]) -> None:
        """Note a batch that is about to be sent."""
        self.records[record.key] = record
        self._rows.update({row.key: (record.key, row) for row in rows})

    def update(self, key: str, **changes: Any) -> None:
        """Change status, batch_id or message of a batch."""
        self.records[key] = replace(self.records[key], **changes)

    def find(self, scope: str, statuses: Sequence[Status]) -> list[BatchRecord]:
        """The batches of a scope in one of these states."""
        return [one for one in self.records.values() if one.scope == scope and one.status in statuses]

    def status_of(self, question_key: str) -> Status | None:
        """The state of the batch that asks a question."""
        found = self._rows.get(question_key)
        return None if found is None else self.records[found[0]].status

    def keys_of(self, key: str, custom_id: str) -> list[str]:
        """The questions of one request in their order."""
        rows = [row for batch, row in self._rows.values() if batch == key and row.custom_id == custom_id]
        return [row.key for row in sorted(rows, key=lambda row: row.position)]

    def forget_question(self, question_key: str) -> None:
        """No batch asks this question any more."""
        self._rows.pop(question_key, None)

    def forget_questions(self, key: str) -> None:
        """No question is asked by this batch any more."""
        self._rows = {name: found for name, found in self._rows.items() if found[0] != key}
