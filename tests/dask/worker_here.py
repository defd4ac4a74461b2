"""A pool whose one worker is this process: kit, parts and shards travel through a shared folder all the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from tasks.contracts.sharding import DoneShard
from tasks.sharding.kits import put_kit, put_part
from tasks.sharding.shared import Shared
from tasks.sharding.worker import describe_code, run_part


class WorkerHere:
    """A ShardPool as far as labeling and publishing need one; see DaskPool."""

    def __init__(self, folder: Path) -> None:
        self.shared = Shared(str(folder))
        self.n_parts = 0

    def map(self, job: str, kit: object, parts: Iterable[object], *, stage: str) -> Iterator[DoneShard]:
        kit_file = put_kit(self.shared, "run", kit)
        for number, part in enumerate(parts):
            self.n_parts += 1
            part_file = put_part(self.shared, f"run/{stage}/part-{number}.zip", part)
            output = f"run/{stage}/shard-{number}.parquet"
            told = run_part(
                {
                    "code": describe_code(),
                    "shared": self.shared.address,
                    "job": job,
                    "kit": (kit_file.name, kit_file.sha256),
                    "part": (part_file.name, part_file.sha256),
                    "output": output,
                }
            )
            yield DoneShard(number, told["n_rows"], told["facts"], output, told["sha256"])

    def take(self, done: DoneShard, target: Path) -> None:
        self.shared.take(done.name, target, sha256=done.sha256)

    def notes(self) -> list[str]:
        return [f"{self.n_parts} parts made here"]
