"""A clock that is set back, and a night over midnight: the order of runs, the day, the ledger of digests and the locks hold."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

import warehouse.clock
from flows.request import RunRequest
from flows.stage import load_catalogs, make_context, new_run_id, open_run
from tasks.contracts.errors import StepError
from tests.night import SmallCatalog
from warehouse.clock import SteadyClock, utc_now
from warehouse.connection import open_warehouse
from warehouse.digests import refuse_past_day
from warehouse.errors import WarehouseError
from warehouse.lock import hold_run_lock
from warehouse.outputs import latest_output, stage_output

EVENING = datetime(2026, 11, 21, 23, 59, 30)


class Machine:
    """A clock and a stopwatch that the test moves."""

    def __init__(self, now: datetime) -> None:
        self.wall, self.seconds = now, 0.0

    def pass_time(self, **units: float) -> None:
        """Both go on."""
        self.wall += timedelta(**units)
        self.seconds += timedelta(**units).total_seconds()

    def set_back(self, **units: float) -> None:
        """Somebody sets the clock; the stopwatch knows nothing of it."""
        self.wall -= timedelta(**units)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The clock of all the code, for this test; `begin_process` is what a new process finds."""
    found = Machine(EVENING)
    begin_process(found, monkeypatch)
    return found


def begin_process(machine: Machine, patched: pytest.MonkeyPatch) -> None:
    patched.setattr(warehouse.clock, "_clock", SteadyClock(lambda: machine.wall, lambda: machine.seconds))


@pytest.fixture
def request_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunRequest:
    monkeypatch.chdir(tmp_path)
    file = SmallCatalog(tmp_path / "catalog").save()
    return RunRequest(catalogs=(file,), warehouse=tmp_path / "warehouse")


def run(request: RunRequest, stage: str = "scores") -> str:
    """A run that leaves one shard with its own id in it; the id."""
    with open_run(request) as (opened, settings):
        with (
            open_warehouse(settings.warehouse) as opened_warehouse,
            stage_output(opened_warehouse, run_id=str(opened.run_id), catalog="news", stage=stage) as output,
        ):
            output.write(pl.DataFrame({"run": [opened.run_id]}))
        return str(opened.run_id)


def latest(folder: Path) -> str:
    with open_warehouse(folder, read_only=True) as opened:
        [path] = latest_output(opened, catalog="news", stage="scores", needs="score")
        return str(pl.read_parquet(path)["run"][0])


def test_time_never_goes_back_and_two_readings_differ(machine: Machine) -> None:
    seen = [utc_now()]
    for change in (lambda: None, lambda: machine.set_back(hours=5), lambda: machine.pass_time(minutes=1), lambda: None):
        change()
        seen.append(utc_now())
    machine.pass_time(hours=6)
    seen.append(utc_now())
    assert seen == sorted(set(seen))
    assert seen[0] == EVENING
    assert seen[3] - seen[2] == timedelta(minutes=1)
    assert abs(seen[-1] - machine.wall - timedelta(hours=5)) < timedelta(milliseconds=1)


def test_what_was_made_last_is_the_latest_though_the_clock_was_set_back(
    machine: Machine, request_: RunRequest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = request_.warehouse
    assert folder is not None
    first = run(request_)
    machine.pass_time(minutes=2)
    machine.set_back(minutes=40)
    begin_process(machine, monkeypatch)
    second = run(request_)
    assert "this machine's clock is 2280 s behind the warehouse's last run" in capsys.readouterr().out.replace(
        "\n", " "
    )
    assert second > first
    assert latest(folder) == second
    with open_warehouse(folder, read_only=True) as opened:
        assert opened.query("queries/newest_time")["newest_at"][0] > EVENING
        days = opened.connection.execute("select as_of from runs order by started_at").fetchall()
    # The second began, by the warehouse's time, before midnight like the first.
    assert days == [(date(2026, 11, 21),)] * 2


def test_clock_that_is_far_behind_is_refused_unless_the_day_is_named(
    machine: Machine, request_: RunRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(request_)
    machine.set_back(days=400)
    begin_process(machine, monkeypatch)
    with pytest.raises(StepError, match=r"clock says 2025-10-17 23:59 UTC, .* 2026-11-21 23:59; .* --as-of 2025-10-17"):
        run(request_)
    folder = request_.warehouse
    assert folder is not None
    assert latest(folder) == first
    second = run(request_.model_copy(update={"as_of": date(2026, 11, 22)}))
    assert second > first
    assert latest(folder) == second


def test_night_over_midnight_is_of_the_day_on_which_it_began(machine: Machine, request_: RunRequest) -> None:
    with open_run(request_) as (opened, settings):
        machine.pass_time(minutes=5)
        assert utc_now().date() == date(2026, 11, 22)
        [(file, catalog)] = load_catalogs(opened, settings)
        assert make_context(opened, settings, file, catalog).as_of == date(2026, 11, 21)
        # A stage that is told of the run takes its day too.
        with open_run(opened) as (again, _):
            assert (again.as_of, again.run_id) == (date(2026, 11, 21), opened.run_id)
    with open_warehouse(settings.warehouse, read_only=True) as found:
        assert found.connection.execute("select as_of, status from runs").fetchall() == [
            (date(2026, 11, 21), "completed")
        ]


def test_run_that_waits_over_midnight_is_of_the_day_on_which_it_was_asked_for(
    machine: Machine, request_: RunRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait(*_: object, **__: object) -> object:
        machine.pass_time(hours=1)
        return hold_run_lock(request_.warehouse or Path())

    monkeypatch.setattr("flows.stage.hold_lock", wait)
    with open_run(request_) as (opened, _):
        assert opened.as_of == date(2026, 11, 21)


def test_runs_that_begin_in_the_same_second_are_told_apart(machine: Machine) -> None:
    assert len({new_run_id() for _ in range(50)}) == 50


def test_digests_of_a_day_gone_by_are_not_sent_again(tmp_path: Path) -> None:
    row = {
        "user_space": "readers", "user_id": "u1", "day": date(2026, 11, 21), "state": "sent", "n_items": 1, "items": ["news/i1"],
        "message_id": "m", "publication_id": "p", "run_id": "r", "claimed_at": EVENING,
    }  # fmt: skip
    refuse_past_day(tmp_path, date(2026, 11, 20), patience_s=0)
    with open_warehouse(tmp_path) as opened:
        opened.insert("digests", pl.DataFrame([row]))
    refuse_past_day(tmp_path, date(2026, 11, 21), patience_s=0)
    with pytest.raises(
        WarehouseError, match=r"clock says 2026-11-20, but digests of 2026-11-21 were sent; set the clock"
    ):
        refuse_past_day(tmp_path, date(2026, 11, 20), patience_s=0)
