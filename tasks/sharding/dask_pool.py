"""A pool on a Dask cluster: orders go to the scheduler, shards come back through the shared folder.

Orders and replies are small plain values, and the function travels by its name. A shard whose worker dies is made again by
another (Dask sees to that) under the same name, and is counted when it is reported, once. Workers may come and go; one
that runs other code or does not see the shared folder is sent away and named.
"""

from __future__ import annotations

import json
import queue
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import distributed
from distributed.scheduler import KilledWorker

from tasks.contracts.errors import NightjarError, StepError, TransientError
from tasks.contracts.sharding import DoneShard
from tasks.sharding.kits import put_kit, put_part
from tasks.sharding.shared import Shared
from tasks.sharding.worker import check_in, describe_code, differences, run_part

LOOK_SECONDS = 2.0
WORKER_WAIT_SECONDS = 300.0
TRAIN_ROWS = 2_000_000
OWNER = "owner.json"


class DaskPool:
    """The workers of a scheduler for one run; use it in a `with` block, which leaves the shared folder as it was.

    client is open as long as the pool. run_id names the run's folder in the shared one; owner says whose it is, so that
    what a dead run of the same owner left there is swept. worker_wait_s: how long to wait when no worker is left.
    """

    def __init__(
        self,
        client: distributed.Client,
        *,
        shared: str,
        run_id: str,
        owner: str,
        worker_wait_s: float = WORKER_WAIT_SECONDS,
        train_rows: int = TRAIN_ROWS,
    ) -> None:
        self._client = client
        self._shared = Shared(shared)
        self._run = f"nightjar-{run_id}"
        self._owner = owner
        self._wait_s = worker_wait_s
        self.train_rows = train_rows
        self._notes: list[str] = []
        self._seen: dict[str, int] = {}
        self._empty_since: float | None = None
        self._ended: queue.SimpleQueue[distributed.Future] = queue.SimpleQueue()

    def __enter__(self) -> DaskPool:
        self._sweep()
        self._shared.put(f"{self._run}/{OWNER}", [json.dumps({"owner": self._owner}).encode()])
        self._greet()
        return self

    def __exit__(self, *_error: object) -> None:
        self._shared.remove(self._run)

    @property
    def n_threads(self) -> int:
        """How many shards the workers that are there compute at once; 0 where none is."""
        return sum(self._client.nthreads().values())

    def addresses(self) -> list[str]:
        """The workers that are there now."""
        return sorted(self._client.nthreads())

    def map(self, job: str, kit: object, parts: Iterable[object], *, stage: str) -> Iterator[DoneShard]:
        """See ShardPool. A shard that is reported twice is given once."""
        stored = put_kit(self._shared, self._run, kit)
        # A name of its own for each call: what a late worker of an earlier call writes is never taken for this one's.
        folder = f"{self._run}/{stage}/{uuid.uuid4().hex[:8]}"
        base = {
            "code": describe_code(),
            "shared": self._shared.address,
            "job": job,
            "kit": (stored.name, stored.sha256),
        }
        source = enumerate(parts)
        running: dict[distributed.Future, dict[str, Any]] = {}
        try:
            while True:
                for number, part in islice(source, max(0, 2 * self.n_threads + 2 - len(running))):
                    given = put_part(self._shared, f"{folder}/part-{number:05d}.zip", part)
                    output = f"{folder}/shard-{number:05d}.parquet"
                    order = {**base, "number": number, "part": (given.name, given.sha256), "output": output}
                    running[self._submit(order)] = order
                if not running:
                    break
                future = self._next_ended()
                ended = running.pop(future, None)
                if ended is None:
                    continue
                done = self._settle(future, ended)
                if done is None:
                    running[self._submit(ended)] = ended
                else:
                    self._shared.remove_file(ended["part"][0])
                    yield done
        finally:
            self._client.cancel(list(running), force=True)
        self._shared.remove(folder)

    def take(self, done: DoneShard, target: Path) -> None:
        """See ShardPool."""
        self._shared.take(done.name, target, sha256=done.sha256)

    def share(self, name: str, content: bytes | memoryview) -> dict[str, str]:
        """See ShardPool."""
        name = f"{self._run}/{name}"
        return {"shared": self._shared.address, "name": name, "sha256": self._shared.put(name, [content])}

    def fit(self, parts: Sequence[Any], load: Callable[[Mapping[str, str]], Any], **how: Any) -> Any:
        """See ShardPool. Fits one model at a time."""
        from tasks.ranking.dask_ranker import fit_on_workers

        self._notes.append(f"the ranker was fitted on workers with {self.n_threads} threads in all")
        return fit_on_workers(self._client, parts, load, **how)

    def notes(self) -> list[str]:
        """Which workers made how many shards, and who was sent away, since the last call."""
        told, self._notes = self._notes, []
        if self._seen:
            counts = ", ".join(f"{worker} {count}" for worker, count in sorted(self._seen.items()))
            told = [f"shards by worker: {counts}", *told]
            self._seen = {}
        return told

    def _submit(self, order: dict[str, Any]) -> distributed.Future:
        key = f"nightjar-{order['job']}-{order['number']:05d}-{uuid.uuid4().hex[:8]}"
        future = self._client.submit(_report, order, key=key, pure=False)
        future.add_done_callback(self._ended.put)
        return future

    def _next_ended(self) -> distributed.Future:
        """One that has ended. Raises TransientError when nobody is left to work."""
        while True:
            try:
                return self._ended.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                self._look_for_workers()

    def _look_for_workers(self) -> None:
        if self._client.status != "running":
            raise TransientError("the Dask scheduler is gone; start it again, then run the stage again")
        if self.n_threads:
            self._empty_since = None
            return
        now = time.monotonic()
        self._empty_since = self._empty_since or now
        if now - self._empty_since > self._wait_s:
            raise TransientError(
                f"no worker has been connected to the Dask scheduler for {self._wait_s:.0f} s; start workers, or unset"
                " scale.dask_address to compute here"
            )

    def _settle(self, future: distributed.Future, order: dict[str, Any]) -> DoneShard | None:
        """The shard; None where the order is to be given to another worker."""
        if future.status == "cancelled" or future.status == "lost":
            self._look_for_workers()
            return None
        if future.status == "error":
            raise _as_step_error(future.exception(), order)
        told = future.result()
        if "refused" in told:
            # What is damaged for all is no worker's fault: this raises where it is.
            for name, sha256 in (order["kit"], order["part"]):
                self._shared.read(name, sha256=sha256)
            self._dismiss(told["worker"], told["refused"])
            return None
        worker = str(told["worker"])
        self._seen[worker] = self._seen.get(worker, 0) + 1
        return DoneShard(order["number"], told["n_rows"], told["facts"], order["output"], told["sha256"])

    def _greet(self) -> None:
        """Wait for a worker, and look whether each runs this code and sees the shared folder. Raises StepError if none does."""
        try:
            self._client.wait_for_workers(1, timeout=self._wait_s)
        except TimeoutError:
            raise TransientError(
                f"no worker is connected to the Dask scheduler after {self._wait_s:.0f} s; start workers with `dask worker`"
            ) from None
        name = f"{self._run}/probe-{uuid.uuid4().hex[:8]}"
        probe = {"shared": self._shared.address, "name": name, "sha256": self._shared.put(name, [name.encode()])}
        troubles = []
        for worker, told in self._client.run(check_in, probe, on_error="return").items():
            trouble = self._trouble_of(told)
            if trouble:
                troubles.append(f"worker {worker}: {trouble}")
                self._dismiss(worker, trouble)
        if troubles and not self.n_threads:
            raise StepError(f"no worker can be used: {'; '.join(troubles)}. {MEND}")

    def _trouble_of(self, told: object) -> str:
        if isinstance(told, BaseException):
            return f"it can't load the project ({type(told).__name__}: {told})"
        assert isinstance(told, dict)
        return differences(describe_code(), told["code"]) or str(told["trouble"])

    def _dismiss(self, worker: str, reason: str) -> None:
        self._notes.append(f"warning: worker {worker} was sent away: {reason}. {MEND}")
        self._client.retire_workers([worker], close_workers=True, remove=True)

    def _sweep(self) -> None:
        """Remove the folders that dead runs of this owner left."""
        for name in self._shared.names():
            if name.startswith("nightjar-") and name != self._run and self._owner_of(name) == self._owner:
                self._shared.remove(name)

    def _owner_of(self, run: str) -> str | None:
        found = self._shared.read_if_there(f"{run}/{OWNER}")
        return None if found is None else str(json.loads(found)["owner"])


MEND = "Give it the version and the packages of the coordinator, and the same shared folder (docs/scale.md)"


def _report(order: dict[str, Any]) -> dict[str, Any]:
    """On the worker: run_part, and who has run it."""
    return {**run_part(order), "worker": distributed.get_worker().address}


def _as_step_error(error: BaseException | None, order: dict[str, Any]) -> Exception:
    what = f"shard {order['number']} of {order['job']}"
    if isinstance(error, KilledWorker):
        return StepError(
            f"{what} was given up: {error.allowed_failures + 1} workers died while they made it; give them more memory, or"
            " set shard_users lower"
        )
    if isinstance(error, NightjarError):
        return error
    made = StepError(f"{what} failed on a worker: {type(error).__name__}: {error}")
    made.__cause__ = error
    return made
