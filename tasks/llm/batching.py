"""How questions are put together into requests: pushed in one by one, handed out as batches. Pure, bounded in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Q = TypeVar("Q")

WINDOW_BATCHES = 200


class Batcher(Generic[Q]):
    """Batches of at most `size` questions of one group each (a group is what a request has in common: one user).

    At most WINDOW_BATCHES * size questions are held back to wait for others of their group; then those of the group
    that waits longest go.
    """

    def __init__(self, size: int, group: Callable[[Q], str]) -> None:
        self._size = size
        self._group = group
        self._waiting: dict[str, list[Q]] = {}
        self._n_waiting = 0

    def __len__(self) -> int:
        return self._n_waiting

    def add(self, question: Q) -> list[Q]:
        """Take a question; the batch that is full or has waited longest, else []."""
        group = self._group(question)
        batch = self._waiting.setdefault(group, [])
        batch.append(question)
        self._n_waiting += 1
        if len(batch) == self._size:
            return self._take(group)
        return self.take_oldest() if self._n_waiting >= WINDOW_BATCHES * self._size else []

    def take_oldest(self) -> list[Q]:
        """The batch that waits longest, full or not; [] when nothing waits."""
        return self._take(next(iter(self._waiting))) if self._waiting else []

    def _take(self, group: str) -> list[Q]:
        batch = self._waiting.pop(group)
        self._n_waiting -= len(batch)
        return batch
