"""How questions are put together into requests. Pure, streamed, bounded in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from tasks.labelers.protocol import JudgeQuestion

Q = TypeVar("Q")

WINDOW_REQUESTS = 200


def batch_in_order(questions: Iterable[Q], size: int) -> Iterator[list[Q]]:
    """Batches of `size` questions as they come; the last may be smaller."""
    source = iter(questions)
    while batch := list(islice(source, size)):
        yield batch


def batch_by_user(questions: Iterable[JudgeQuestion], size: int) -> Iterator[list[JudgeQuestion]]:
    """Batches of at most `size` questions about one user each, so that a profile is sent once for all of them.

    At most WINDOW_REQUESTS * size questions are held back to wait for others about the same user; then those of the
    user who waits longest go.
    """
    waiting: dict[str, list[JudgeQuestion]] = {}
    n_waiting = 0
    for question in questions:
        batch = waiting.setdefault(question.user.key, [])
        batch.append(question)
        n_waiting += 1
        if len(batch) == size:
            yield waiting.pop(question.user.key)
            n_waiting -= size
        elif n_waiting >= WINDOW_REQUESTS * size:
            oldest = waiting.pop(next(iter(waiting)))
            n_waiting -= len(oldest)
            yield oldest
    yield from waiting.values()
