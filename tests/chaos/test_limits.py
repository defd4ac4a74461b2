"""A full disk, a limit on files, a limit on memory, a folder that is read-only: one clear line, and nothing is lost.

Each fault meets the night at a kind of write; then the warehouse opens, and the same command, with room again, goes on. The
long form tries every stage and many sizes.
"""

from __future__ import annotations

import random
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.context import ForkServerContext
from pathlib import Path

import duckdb
import pytest

from tests.chaos.disks import small_disk, write_protected
from tests.chaos.driver import BALLAST, FAILED, Fault, fill_disk
from tests.chaos.nights import assert_opens, assert_same, copy_of, run_tonight, said_by
from tests.night import STAGES, Nights
from warehouse.connection import DATABASE, open_warehouse
from warehouse.errors import WarehouseError
from warehouse.failures import GOES_ON, explain_failure
from warehouse.instances import SMALLEST_LIMIT, Instance

DISK_MB = 256
FULL = "the disk is full"
FAULTS = {
    Fault("embed", "insert embeddings", kind="full"): FULL,
    Fault("judge", "begin", kind="database memory", size=1 << 20): "the memory is used up",
    Fault(
        "candidates", "shard", 2, kind="file size", size=512
    ): "a file would become larger than this process may write",
    Fault("train", "replace", kind="full"): FULL,
    Fault("publish", "rename", kind="full"): FULL,
}


def test_limits_of_the_machine_are_said_in_a_line_and_made_good(
    tmp_path: Path, yesterday: Nights, undisturbed: Nights, forking: ForkServerContext
) -> None:
    with small_disk(tmp_path / "disk", mb=DISK_MB) as disk:
        nights = copy_of(yesterday, disk)
        for fault, line in FAULTS.items():
            code = run_tonight(nights, forking, fault)
            (disk / BALLAST).unlink(missing_ok=True)
            assert_stopped(nights, fault, code, line)
            nights.n_runs += 1
        with write_protected(disk):
            code = run_tonight(nights, forking)
            assert_stopped(nights, Fault("", "begin", kind="read-only"), code, "read-only", is_writable=False)
        assert run_tonight(nights, forking) == 0, said_by(nights)
        assert_same(nights, undisturbed)


def assert_stopped(nights: Nights, fault: Fault, code: int | None, line: str, *, is_writable: bool = True) -> None:
    """The run failed with one line that names the mend, and left a warehouse that opens."""
    said = said_by(nights)
    # What little memory is left may last for a stage or two.
    reached = STAGES[STAGES.index(fault.stage) :] if fault.kind == "database memory" else [fault.stage]
    assert code == FAILED, (fault, code, said)
    assert said["stage"] in reached, (fault, said)
    told = said["line"] or ""
    assert line in told, (fault, said)
    assert "\n" not in told
    if is_writable:
        assert "the same command goes on from there" in told
        assert_opens(nights)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_database_is_not_written_where_files_end_before_it_does(
    tmp_path: Path, yesterday: Nights, share: float
) -> None:
    """DuckDB writes its metadata again in place: cut short by the limit, it would be damaged."""
    nights = copy_of(yesterday, tmp_path)
    path = nights.folder / DATABASE
    before = path.read_bytes()
    end = int(share * (len(before) - 1))
    with files_end_at(end), pytest.raises(OSError, match="File too large") as caught, open_warehouse(nights.folder):
        pytest.fail("it was opened")
    assert f"raise the limit (`ulimit -f`), and {GOES_ON}" in (explain_failure(caught.value) or "")
    assert str(path) in (explain_failure(caught.value) or "")
    assert path.read_bytes() == before


def test_database_that_ends_at_the_limit_opens_and_a_reader_needs_no_room(tmp_path: Path, yesterday: Nights) -> None:
    nights = copy_of(yesterday, tmp_path)
    with files_end_at((nights.folder / DATABASE).stat().st_size), open_warehouse(nights.folder):
        pass
    with files_end_at(0), open_warehouse(nights.folder, read_only=True) as warehouse:
        assert warehouse.value("queries/count_active_items", catalog="news")


def test_new_warehouse_is_not_begun_where_it_could_not_grow(tmp_path: Path) -> None:
    with files_end_at(SMALLEST_LIMIT - 1), pytest.raises(OSError, match="File too large"):
        Instance(tmp_path / DATABASE, read_only=False, config={})
    assert not (tmp_path / DATABASE).exists()
    with files_end_at(SMALLEST_LIMIT):
        Instance(tmp_path / DATABASE, read_only=False, config={}).close(is_reusable=False)
    assert (tmp_path / DATABASE).exists()


@pytest.mark.parametrize("seed", range(8))
def test_limit_beyond_the_end_of_the_database_damages_nothing(tmp_path: Path, seed: int) -> None:
    """Large and small changes until one does not fit: what was committed before is there, and nothing of it is damaged."""
    chance = random.Random(seed)
    with open_warehouse(tmp_path) as warehouse:
        warehouse.connection.execute("create table filler (n int, t varchar)")
    end = max((tmp_path / DATABASE).stat().st_size, SMALLEST_LIMIT) + int((8 << 20) ** chance.random())
    committed, failure = 0, ""
    with files_end_at(end):
        while not failure:
            try:
                with open_warehouse(tmp_path) as warehouse, warehouse.transaction():
                    warehouse.connection.execute(
                        "insert into filler select $n, md5(range::text) from range($rows)",
                        {"n": committed, "rows": int(200_000 ** chance.random())},
                    )
                committed += 1
            except (duckdb.Error, WarehouseError, OSError) as error:
                failure = explain_failure(error) or str(error)
    assert failure.startswith("a file would become larger than this process may write")
    # A checkpoint may fail after the commit has reached the log.
    assert warehouse_numbers(tmp_path) in (list(range(committed)), list(range(committed + 1)))


def warehouse_numbers(folder: Path) -> list[int]:
    with open_warehouse(folder) as warehouse:
        warehouse.connection.execute("checkpoint")
        found = warehouse.connection.sql("select n, count(t) from filler group by n order by n").fetchall()
    return [n for n, _ in found]


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """Let this process write no file beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 1 << 20])
def test_warehouse_that_fills_its_disk_while_it_is_closed_opens_again(
    tmp_path: Path, yesterday: Nights, size: int
) -> None:
    """What is committed lies in the log until the database is closed; then there may be no room for it."""
    with small_disk(tmp_path / "disk", mb=DISK_MB) as disk:
        nights = copy_of(yesterday, disk)
        before = nights.value("select count(*) from items")
        with suppress(duckdb.IOException), open_warehouse(nights.folder) as warehouse:
            warehouse.connection.execute("create table filler as select md5(range::text) as t from range(100_000)")
            fill_disk(disk / BALLAST, left=size)
        (disk / BALLAST).unlink()
        assert nights.value("select count(*) from filler") == 100_000
        assert nights.value("select count(*) from items") == before
