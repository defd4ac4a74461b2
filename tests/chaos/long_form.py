"""The long form of tests/chaos: many faults at random moments, each followed by the same command, and what was lost.

    python -m tests.chaos.long_form [--seed N] [--only kills,limits,damage] [--kills 100] [--limits 51] [--flips 200]

Seeds everything it draws and prints the seed. Each try is a line of `<folder>/tries.jsonl`: the same command with the same
seed goes on after the last one, so that an hour may be split. Writes benchmarks/results/chaos.md from all lines. On two idle
cores a kill or a limit takes some 10 s.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from tests.chaos.damage import count_found, flip, read_dump
from tests.chaos.disks import small_disk
from tests.chaos.driver import BALLAST, FAILED, Fault
from tests.chaos.long_report import write_report
from tests.chaos.nights import (
    TIMEOUT_S,
    assert_opens,
    assert_same,
    copy_of,
    make_yesterday,
    processes,
    run_tonight,
    said_by,
    start_tonight,
)
from tests.night import STAGES, Nights
from warehouse.connection import DATABASE, open_warehouse
from warehouse.errors import WarehouseError
from warehouse.outputs import latest_output
from warehouse.publication import verify_publication
from warehouse.replies import REPLIES, StoredRow, open_replies

ROOT = Path(__file__).resolve().parents[2]
DISK_MB = 256
N_REPLIES = 300
KINDS = ("full", "file size", "memory")
LARGEST = {"full": 4 << 20, "file size": 2 << 20, "memory": 48 << 20}


@dataclass(frozen=True)
class Try:
    """One fault: group, number, what was done, how the process ended, and what was lost ("" is nothing)."""

    group: str
    number: int
    fault: str
    ended: str
    lost: str
    seconds: float


@dataclass(frozen=True)
class Stage:
    """What tries are made from: the nights, how long each stage took undisturbed, and where there is room."""

    yesterday: Nights
    undisturbed: Nights
    took: dict[str, float]
    forking: ForkServerContext
    scratch: Path
    seed: int


def main() -> None:
    """Try what was asked for and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument("--only", default="kills,limits,damage")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument(
        "--limits", type=int, default=51, help="full disks, limits of files and of memory, a third each"
    )
    parser.add_argument(
        "--flips", type=int, default=200, help="bytes that turn in the database; a tenth as many elsewhere"
    )
    parser.add_argument("--folder", type=Path, help="where tries are noted; default: build/chaos-SEED")
    given = parser.parse_args()
    folder = (given.folder or ROOT / "build" / f"chaos-{given.seed}").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    print(f"seed {given.seed}; tries are noted in {folder}", flush=True)  # noqa: T201
    counts = {"kills": given.kills, "limits": given.limits, "damage": given.flips}
    with tempfile.TemporaryDirectory(prefix="nightjar-chaos-") as scratch:
        stage = prepare(Path(scratch), given.seed)
        for group in given.only.split(","):
            for number in range(counts[group] if group != "damage" else 1):
                try_once(stage, folder / "tries.jsonl", group, number, counts[group])
    tries = read_tries(folder / "tries.jsonl")
    (ROOT / "benchmarks/results/chaos.md").write_text(write_report(tries, seed=given.seed), encoding="utf-8")
    lost = [one for one in tries if one["lost"]]
    print(f"{len(tries)} tries, {len(lost)} lost or falsified something", flush=True)  # noqa: T201
    raise SystemExit(1 if lost else 0)


def prepare(scratch: Path, seed: int) -> Stage:
    """Yesterday's night and an undisturbed one of today."""
    forking = processes()
    yesterday = make_yesterday(scratch / "yesterday", forking)
    undisturbed = copy_of(yesterday, scratch / "undisturbed")
    marks = scratch / "marks"
    process = start_tonight(undisturbed, forking, marks=marks)
    process.join(TIMEOUT_S)
    ended = time.monotonic()
    assert process.exitcode == 0, said_by(undisturbed)
    began = [(float(at), name) for at, name in (line.split(" ", 1) for line in read_marks(marks))]
    nexts = [at for at, _ in began[1:]] + [ended]
    took = {name: after - at for (at, name), after in zip(began, nexts, strict=True)}
    return Stage(yesterday, undisturbed, took, forking, scratch, seed)


def try_once(stage: Stage, noted: Path, group: str, number: int, count: int) -> None:
    """One try, unless it is noted already."""
    if any((one["group"], one["number"]) == (group, number) for one in read_tries(noted)):
        return
    work: dict[str, Callable[[], Iterator[Try]]] = {
        "kills": lambda: iter([try_kill(stage, number)]),
        "limits": lambda: iter([try_limit(stage, number)]),
        "damage": lambda: try_damage(stage, count),
    }
    for one in work[group]():
        with noted.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(one)) + "\n")
        print(f"{one.group} {one.number}: {one.fault}: {one.ended}; {one.lost or 'nothing lost'}; {one.seconds:.0f} s", flush=True)  # noqa: T201  # fmt: skip


def try_kill(stage: Stage, number: int) -> Try:
    """SIGKILL at a random moment of a stage, all stages in turn; then the same command."""
    begun = time.monotonic()
    chance = random.Random(f"{stage.seed}/kills/{number}")
    aimed, share = STAGES[number % len(STAGES)], chance.random()
    with borrowed(stage) as folder:
        nights, marks = copy_of(stage.yesterday, folder), folder / "marks"
        process = start_tonight(nights, stage.forking, marks=marks)
        while process.is_alive() and aimed not in names_of(marks):
            process.join(0.005)
        process.join(share * stage.took[aimed])
        process.kill()
        process.join()
        met = (names_of(marks) or ["before the first stage"])[-1]
        if process.exitcode == 0:
            met = "after the last stage"
        lost = run_again(stage, nights, exit_code=process.exitcode)
    return Try("kills", number, f"{met}", f"exit {process.exitcode}", lost, time.monotonic() - begun)


def try_limit(stage: Stage, number: int) -> Try:
    """Little room from the beginning of a stage on, all stages in turn; then room, and the same command."""
    begun = time.monotonic()
    chance = random.Random(f"{stage.seed}/limits/{number}")
    kind, aimed = KINDS[number % 3], STAGES[number // 3 % len(STAGES)]
    # Of all orders of size: what needs a byte and what needs a megabyte fail elsewhere.
    size = int(LARGEST[kind] ** chance.uniform(0.5, 1.0))
    is_beyond = kind == "file size" and chance.random() < 0.5
    told = (
        f"{size} bytes {'beyond the end of the database' if is_beyond else 'a file' if kind == 'file size' else 'left'}"
    )
    with borrowed(stage) as folder, small_disk(folder / "disk", mb=DISK_MB) as disk:
        nights = copy_of(stage.yesterday, disk)
        end = (nights.folder / DATABASE).stat().st_size if is_beyond else 0
        fault = Fault(aimed, "begin", kind=kind, size=end + size)
        code = run_tonight(nights, stage.forking, fault)
        (disk / BALLAST).unlink(missing_ok=True)
        said = said_by(nights)
        ended = (
            "had room enough"
            if code == 0
            else f"exit {code} in {said.get('stage') or aimed}: {said.get('line') or said.get('error') or 'died'}"
        )
        lost = run_again(stage, nights, exit_code=code)
        if code == FAILED and not said.get("line"):
            lost = lost or "no clear line"
    return Try("limits", number, f"{kind}, {told}, from {aimed} on", ended[:300], lost, time.monotonic() - begun)


def run_again(stage: Stage, nights: Nights, *, exit_code: int | None) -> str:
    """The same command; what was lost or falsified, "" if nothing."""
    try:
        verify_publication(nights.folder / "published")
        if exit_code != 0:
            nights.n_runs += 1
            assert run_tonight(nights, stage.forking) == 0, said_by(nights)
        assert_opens(nights)
        assert_same(nights, stage.undisturbed)
    except (AssertionError, WarehouseError) as error:
        return f"{type(error).__name__}: {error}"[:1000]
    return ""


def try_damage(stage: Stage, n_flips: int) -> Iterator[Try]:
    """Turned bytes in the database, shards and replies: found, or they held nothing."""
    chance = random.Random(f"{stage.seed}/damage")
    nights = stage.yesterday
    with open_warehouse(nights.folder, read_only=True) as warehouse:
        dump = read_dump(warehouse)
        shards = [
            path for output in ("candidates", "features-holdout", "scored", "recommendations")
            for path in latest_output(warehouse, catalog="news", stage=output, needs=output)
        ]  # fmt: skip
    size = (nights.folder / DATABASE).stat().st_size
    begun = time.monotonic()
    with borrowed(stage) as folder:
        n_found, lost = 0, ""
        try:
            n_found = count_found(nights, dump, folder, [chance.randrange(size) for _ in range(n_flips)])
        except AssertionError as error:
            lost = str(error)
    ended = f"{n_found} of {n_flips} found, the others were in free blocks"
    yield Try("damage", 0, f"{n_flips} bytes of the database", ended, lost, time.monotonic() - begun)
    n_few = max(n_flips // 10, 1)
    yield flip_shards(nights, shards, chance, n_few)
    yield flip_replies(stage, chance, n_few)


def flip_shards(nights: Nights, shards: list[Path], chance: random.Random, n_flips: int) -> Try:
    """A byte of a shard, in place, and back."""
    begun, n_found = time.monotonic(), 0
    for _ in range(n_flips):
        path = chance.choice(shards)
        content = path.read_bytes()
        place = chance.randrange(len(content))
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :])
        try:
            with open_warehouse(nights.folder, read_only=True) as warehouse:
                latest_output(warehouse, catalog="news", stage=path.parent.name, needs="score")
        except WarehouseError as error:
            n_found += path.name in str(error)
        path.write_bytes(content)
    lost = "" if n_found == n_flips else f"{n_flips - n_found} were not found"
    return Try("damage", 1, f"{n_flips} bits of shards", f"{n_found} found", lost, time.monotonic() - begun)


def flip_replies(stage: Stage, chance: random.Random, n_flips: int) -> Try:
    """A byte of the file of replies: a reply is found damaged, the file is, or the byte held nothing."""
    begun, n_found, lost = time.monotonic(), 0, ""
    stored = {f"{n:064x}": StoredRow(f'{{"answers":[{{"grade":{n}}}]}}', "m", n, 1, 0) for n in range(N_REPLIES)}
    for _ in range(n_flips):
        with borrowed(stage) as folder:
            with open_replies(folder) as replies:
                replies.put("judge", list(stored.items()))
            path = folder / REPLIES
            flip(path, chance.randrange(path.stat().st_size))
            try:
                with open_replies(folder) as replies:
                    found = replies.get(list(stored))
            except WarehouseError:
                n_found += 1
                continue
            n_found += len(found) < len(stored)
            if any(stored[key] != row for key, row in found.items()):
                lost = "a reply is another"
    ended = f"{n_found} found, the others held nothing"
    return Try("damage", 2, f"{n_flips} bytes of the paid replies", ended, lost, time.monotonic() - begun)


@contextmanager
def borrowed(stage: Stage) -> Iterator[Path]:
    """A folder for one try."""
    folder = Path(tempfile.mkdtemp(dir=stage.scratch))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_tries(noted: Path) -> list[dict[str, object]]:
    """The tries so far."""
    return [json.loads(line) for line in noted.read_text(encoding="utf-8").splitlines()] if noted.exists() else []


def read_marks(marks: Path) -> list[str]:
    """The lines of marks that are written to their end."""
    return marks.read_text(encoding="utf-8").splitlines() if marks.exists() else []


def names_of(marks: Path) -> list[str]:
    """The stages that have begun."""
    return [line.split(" ", 1)[1] for line in read_marks(marks) if " " in line]


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        main()
    except pytest.skip.Exception as skipped:
        raise SystemExit(f"skipped: {skipped}") from skipped
