"""One rate limit for all who share an endpoint: a file of this machine, or a limit of a Prefect server."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from tasks.labeling import window
from tasks.labeling.window import FileWindow, PrefectWindow, shared_window
from tasks.llm.rates import RateLimits, SlidingWindow
from tasks.llm.types import Endpoint
from warehouse.errors import WarehouseError

LIMITS = RateLimits(requests_per_minute=30)


def take_many(path: str, n: int, queue: Any) -> None:
    async def go() -> int:
        mine = FileWindow(Path(path))
        return sum([await mine.take(LIMITS, 10) == 0.0 for _ in range(n)])

    queue.put(asyncio.run(go()))


def test_processes_share_a_minute(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    workers = [context.Process(target=take_many, args=(str(tmp_path / "w.sqlite"), 40, queue)) for _ in range(2)]
    for worker in workers:
        worker.start()
    taken = [queue.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert sum(taken) == 30


def test_tokens_are_corrected_for_everybody(tmp_path: Path) -> None:
    async def scene() -> list[bool]:
        one, other = FileWindow(tmp_path / "w.sqlite"), FileWindow(tmp_path / "w.sqlite")
        limits = RateLimits(tokens_per_minute=100)
        taken = [await one.take(limits, 80) == 0.0, await other.take(limits, 50) == 0.0]
        one.correct(-60)
        return [*taken, await other.take(limits, 50) == 0.0]

    assert asyncio.run(scene()) == [True, False, True]


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "w.sqlite").write_text("this is no database, and it is long enough to be seen as one" * 20)
    with pytest.raises(WarehouseError, match=r"w\.sqlite.*remove it"):
        asyncio.run(FileWindow(tmp_path / "w.sqlite").take(LIMITS, 1))


def test_the_same_server_and_model_share_whatever_the_endpoint_is_called() -> None:
    paths = []
    with temporary_settings({PREFECT_API_URL: None}):
        for values in ({"name": "a"}, {"name": "b", "timeout_seconds": 5}, {"name": "a", "model": "other"}):
            made = shared_window(Endpoint(**{"model": "m", **values}))
            assert isinstance(made, FileWindow)
            paths.append(made._path)
    assert paths[0] == paths[1] != paths[2]


def test_where_a_prefect_server_runs_it_counts() -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:4200/api"}):
        made = shared_window(Endpoint(name="a", model="m"))
    assert isinstance(made, PrefectWindow)
    assert made.name.startswith("nightjar-")


class Server:
    """Stands for the Prefect client at the three calls that are made; it lets `slots` pass."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.calls: list[tuple[str, Any]] = []

    async def __aenter__(self) -> Server:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def read_global_concurrency_limit_by_name(self, name: str) -> None:
        raise window.ObjectNotFound(Exception(name))

    async def upsert_global_concurrency_limit_by_name(self, name: str, limit: int, decay: float) -> None:
        self.calls.append(("made", (name, limit, round(decay, 2))))

    async def increment_concurrency_slots(self, names: list[str], slots: int, mode: str) -> None:
        self.calls.append(("taken", slots))
        self.slots -= slots
        if self.slots < 0:
            request = httpx.Request("POST", "http://prefect")
            response = httpx.Response(423, headers={"retry-after": "7"}, request=request)
            raise httpx.HTTPStatusError("locked", request=request, response=response)


def test_a_prefect_limit_is_made_once_and_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(slots=2)
    monkeypatch.setattr(window, "get_client", lambda: server)
    asked = PrefectWindow("nightjar-x", SlidingWindow())
    limits = RateLimits(requests_per_minute=120, tokens_per_minute=1000)

    async def scene() -> list[float]:
        return [await asked.take(limits, 100) for _ in range(3)]

    assert asyncio.run(scene()) == [0.0, 0.0, 7.0]
    # A burst of 2 and 118 in the sixty seconds after it make 120 a minute.
    assert server.calls == [("made", ("nightjar-x", 2, 1.97)), ("taken", 1), ("taken", 1), ("taken", 1)]


def test_a_high_limit_takes_several_slots_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(slots=1000)
    monkeypatch.setattr(window, "get_client", lambda: server)
    asked = PrefectWindow("nightjar-x", SlidingWindow())

    async def scene() -> list[float]:
        return [await asked.take(RateLimits(requests_per_minute=6000), 0) for _ in range(25)]

    assert asyncio.run(scene()) == [0.0] * 25
    assert [slots for call, slots in server.calls if call == "taken"] == [10, 10, 10]


def test_a_wait_is_truly_over_when_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "WINDOW_SECONDS", 0.5)
    monkeypatch.setattr("tasks.llm.rates.WINDOW_SECONDS", 0.5)

    async def scene() -> tuple[float, float]:
        mine, limits = FileWindow(tmp_path / "w.sqlite"), RateLimits(requests_per_minute=1)
        await mine.take(limits, 0)
        wait = await mine.take(limits, 0)
        time.sleep(wait + 0.01)
        return wait, await mine.take(limits, 0)

    wait, then = asyncio.run(scene())
    assert 0.4 <= wait <= 0.7
    assert then == 0.0
