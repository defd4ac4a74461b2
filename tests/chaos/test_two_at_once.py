"""Two runs at once, an analyst who holds the warehouse open, and a source that changes while it is read."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import tasks.ingest
from tasks.contracts.errors import SourceError
from tests.night import Nights, SmallCatalog
from warehouse.connection import DATABASE, open_warehouse
from warehouse.errors import LockedError
from warehouse.lock import hold_run_lock

ANALYST = """
import sys
import duckdb
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    print(connection.execute("select count(*) from runs").fetchall(), flush=True)
    sys.stdin.readline()
"""
RUN = """
import sys
from pathlib import Path
from warehouse.lock import hold_run_lock
with hold_run_lock(Path(sys.argv[1])):
    print("holds", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def process(script: str, argument: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that says a line when it is there, and goes when a line is written to it."""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(argument)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline()
        try:
            yield started
        finally:
            started.communicate("\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with open_warehouse(tmp_path / "warehouse"):
        return tmp_path / "warehouse"


def test_second_run_is_refused_and_told_who_has_the_warehouse(folder: Path) -> None:
    with process(RUN, folder) as first:
        with (
            pytest.raises(LockedError, match=rf"is in use by process {first.pid}; wait for that run or stop it"),
            hold_run_lock(folder),
        ):
            pass
        first.kill()
    with hold_run_lock(folder):
        pass


def test_second_run_waits_where_it_has_time(folder: Path) -> None:
    told: list[str] = []
    with process(RUN, folder) as first:
        assert first.stdin is not None
        threading.Timer(0.3, lambda: (first.stdin.write("\n"), first.stdin.flush())).start()  # type: ignore[union-attr]
        with hold_run_lock(folder, wait_s=20, on_wait=told.append):
            assert told == [str(first.pid)]


def test_look_of_an_analyst_does_not_end_a_night(folder: Path) -> None:
    begun = time.monotonic()
    with process(ANALYST, folder / DATABASE) as analyst:
        assert analyst.stdin is not None
        threading.Timer(0.5, lambda: (analyst.stdin.write("\n"), analyst.stdin.flush())).start()  # type: ignore[union-attr]
        with open_warehouse(folder) as warehouse:
            assert warehouse.value("queries/newest_time") is None
    assert time.monotonic() - begun < 20


def test_analyst_who_stays_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warehouse.connection.PATIENCE_S", 0.4)
    with (
        process(ANALYST, folder / DATABASE) as analyst,
        pytest.raises(
            LockedError, match=rf"is open in another process; try again .* It is process {analyst.pid}\. To look at"
        ),
        open_warehouse(folder),
    ):
        pass


def test_analyst_reads_beside_another_and_is_told_at_once_of_a_run(folder: Path) -> None:
    with process(ANALYST, folder / DATABASE), open_warehouse(folder, read_only=True) as warehouse:
        assert warehouse.value("queries/newest_time") is None
    holder = (
        "import sys; from pathlib import Path; from warehouse.connection import open_warehouse\n"
        "with open_warehouse(Path(sys.argv[1])):\n    print('open', flush=True)\n    sys.stdin.readline()\n"
    )
    with process(holder, folder):
        begun = time.monotonic()
        with pytest.raises(LockedError, match="read what is published"), open_warehouse(folder, read_only=True):
            pass
        assert time.monotonic() - begun < 5


@pytest.mark.parametrize("kind", ["grows", "is replaced"])
def test_source_that_changes_while_it_is_read_is_refused_and_nothing_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    catalog = SmallCatalog(tmp_path / "catalog")
    nights = Nights(tmp_path / "warehouse", [catalog])
    nights.run("ingest")
    before = nights.table("items")
    catalog.items["i00"]["title"] = "Another title"
    catalog.save()
    real = tasks.ingest.read_batches

    def read(*args: object, **kwargs: object) -> Iterator[object]:
        for number, batch in enumerate(real(*args, **kwargs)):  # type: ignore[arg-type]
            yield batch
            path = catalog.folder / "news-items.jsonl"
            if number == 0 and kind == "grows":
                with path.open("a", encoding="utf-8") as file:
                    file.write('{"id": "late", "title": "Late", "text": "Late."}\n')
            elif number == 0:
                other = path.with_suffix(".new")
                other.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
                other.rename(path)

    monkeypatch.setattr(tasks.ingest, "read_batches", read)
    with pytest.raises(SourceError, match=r"news-items.jsonl'? .*chang"):
        nights.run("ingest")
    assert nights.table("items") == before
