"""ShardPool: the seam between the sharded stages and whatever runs their shards elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class DoneShard:
    """A shard that a worker has made: which, how many rows, what it tells, the file's sha256."""

    number: int
    n_rows: int
    facts: Mapping[str, Any]
    name: str
    sha256: str


class ShardPool(Protocol):
    """Workers on other machines, for the length of a run."""

    @property
    def n_threads(self) -> int:
        """How many shards are computed at once, by the workers that are there now."""
        ...

    def map(self, job: str, kit: object, parts: Iterable[object], *, stage: str) -> Iterator[DoneShard]:
        """Run the job for each part, numbered from 0; what is done, in the order in which it is.

        parts is read a little ahead of the work. Raises StepError where a shard can't be made, or nobody is left to make it.
        """
        ...

    def take(self, done: DoneShard, target: Path) -> None:
        """Bring a shard's file to this machine. Raises StepError where it is not what the worker wrote."""
        ...

    @property
    def train_rows(self) -> int:
        """The most rows of a split that the coordinator learns from alone; beyond, workers learn from all."""
        ...

    def share(self, name: str, content: bytes | memoryview) -> dict[str, str]:
        """Put a file where workers see it; by what they find it: shared, name, sha256."""
        ...

    def fit(self, parts: Sequence[Any], load: Callable[[Mapping[str, str]], Any], **how: Any) -> Any:
        """Train the ranker on the workers; see fit_on_workers of tasks/ranking/dask_ranker.py."""
        ...

    def notes(self) -> list[str]:
        """What the operator should know of the workers, since the last call."""
        ...
