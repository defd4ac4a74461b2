"""The Batch API over real HTTP: joined by custom_id, picked up by whoever comes next, and never submitted twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.contracts.errors import ConfigError, TerminalError, UnfinishedError
from tasks.labeling.replies import WarehouseBook, WarehouseStore
from tasks.llm.batch.files import FileLimits, InputWriter
from tasks.llm.batch.remote import METADATA, BatchClient
from tasks.llm.budget import Budget
from tasks.llm.engine import Engine
from tasks.llm.fake.faults import Faults
from tasks.llm.fake.provider import FakeProvider
from tasks.llm.fake.server import LoopbackServer
from tasks.llm.types import Endpoint
from tests.llm.batch_nights import FORM, Night, answers, asked_online, items
from tests.llm.fake_server import FakeServer, completion, error
from warehouse.replies import open_replies


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Any]:
    """serve(batch_seconds=0.1): a night at a server with these faults."""
    opened: list[LoopbackServer] = []

    def open_server(**faults: Any) -> Night:
        server = LoopbackServer(FakeProvider(seed=1, faults=Faults(**faults)))
        opened.append(server)
        return Night(tmp_path, server.__enter__())

    yield open_server
    for server in opened:
        server.__exit__(None, None, None)


@pytest.mark.parametrize("size", [1, 7])
def test_every_question_gets_its_own_answer_whatever_the_order(serve: Any, size: int) -> None:
    night = serve()
    outcomes = night.ask(items(100), size=size)
    assert answers(outcomes) == asked_online(night, items(100))
    [batch] = night.batches()
    # The first request went online, to find out how the server wants to be asked.
    assert batch["request_counts"]["total"] == -(-100 // size) - 1


def test_failed_rows_are_asked_online_and_nobody_else_is(serve: Any) -> None:
    night = serve(batch_failed_share=0.1, malformed_share=0.1)
    outcomes = night.ask(items(100))
    assert answers(outcomes) == asked_online(night, items(100))
    n_failed = sum(outcome.attempts > 0 for outcome in outcomes)
    assert 5 < n_failed < 40


def test_files_keep_within_the_limits(serve: Any) -> None:
    night = serve()
    outcomes = night.ask(items(100), rows=30)
    assert len(outcomes) == 100
    assert sorted(batch["request_counts"]["total"] for batch in night.batches()) == [9, 30, 30, 30]


def test_bytes_are_limited_too(tmp_path: Path) -> None:
    writer = InputWriter(tmp_path, FileLimits(rows=100, bytes=1000))
    made = [writer.add([f"{n:064x}"], {"text": "x" * 200}) for n in range(10)]
    files = [file for file in [*made, writer.finish()] if file]
    assert sum(file.n_rows for file in files) == 10
    assert all(file.path.stat().st_size <= 1000 for file in files)


def test_a_batch_that_still_runs_is_picked_up_by_the_next_night(serve: Any, tmp_path: Path) -> None:
    night = serve(batch_seconds=0.6)
    with open_replies(tmp_path) as file:
        night.store, night.book = WarehouseStore(file, "topics"), WarehouseBook(file, "topics")
        with pytest.raises(UnfinishedError, match=r"batch batch_\w+ still runs with 19 questions"):
            night.ask(items(20), batch_wait_seconds=0.05)
    with open_replies(tmp_path) as file:
        night.store, night.book = WarehouseStore(file, "topics"), WarehouseBook(file, "topics")
        outcomes = night.ask(items(20))
        assert file.list_batches()["status"].to_list() == ["collected"]
    assert len(night.batches()) == 1
    assert answers(outcomes) == asked_online(night, items(20))
    # The one that went online was paid by the night before.
    assert sum(outcome.usage.requests for outcome in outcomes) == 19


def test_while_a_batch_runs_only_what_is_new_is_added(serve: Any) -> None:
    night = serve(batch_seconds=0.6)
    with pytest.raises(UnfinishedError):
        night.ask(items(10), batch_wait_seconds=0.0)
    outcomes = night.ask(items(15))
    assert len(outcomes) == 15
    assert sorted(batch["request_counts"]["total"] for batch in night.batches()) == [4, 9]


def test_a_batch_that_was_created_but_not_noted_is_adopted(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    night = serve(batch_seconds=0.2)
    create = BatchClient._create

    def create_and_die(self: BatchClient, key: str, path: Path) -> Any:
        create(self, key, path)
        raise KeyboardInterrupt

    monkeypatch.setattr(BatchClient, "_create", create_and_die)
    with pytest.raises(KeyboardInterrupt):
        night.ask(items(10))
    monkeypatch.undo()
    assert [record.status for record in night.book.records.values()] == ["prepared"]  # type: ignore[attr-defined]
    assert len(night.ask(items(10))) == 10
    assert len(night.batches()) == 1


def test_of_two_batches_with_one_key_one_is_cancelled(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    night = serve(batch_seconds=0.3)
    create = BatchClient._create

    def create_twice(self: BatchClient, key: str, path: Path) -> Any:
        create(self, key, path)
        create(self, key, path)
        raise KeyboardInterrupt

    monkeypatch.setattr(BatchClient, "_create", create_twice)
    with pytest.raises(KeyboardInterrupt):
        night.ask(items(10))
    monkeypatch.undo()
    outcomes = night.ask(items(10))
    assert answers(outcomes) == asked_online(night, items(10))
    assert len({batch["metadata"][METADATA] for batch in night.batches()}) == 1
    assert sorted(batch["status"] for batch in night.batches()) in (
        ["cancelled", "completed"],
        ["cancelling", "completed"],
    )


@pytest.mark.parametrize("end", ["failed", "expired", "cancelled"])
def test_a_batch_that_was_lost_is_told_and_its_questions_stay_due(serve: Any, end: str) -> None:
    night = serve(batch_ends_as=end)
    n_answered = 0
    with pytest.raises(UnfinishedError, match=rf"batch batch_\w+ is {end}"):
        for outcome in night.engine().ask(FORM, items(10)):
            n_answered += outcome.answer is not None
    assert 1 <= n_answered < 10
    other = serve()
    other.store, other.book = night.store, night.book
    assert answers(other.ask(items(10))) == asked_online(other, items(10))
    assert other.batches()[0]["request_counts"]["total"] == 10 - n_answered - 1


def test_a_batch_that_the_server_has_forgotten_is_told_and_asked_anew(serve: Any) -> None:
    night = serve(batch_seconds=60)
    with pytest.raises(UnfinishedError, match="still runs"):
        night.ask(items(10), batch_wait_seconds=0.0)
    other = serve()
    other.store, other.book = night.store, night.book
    with pytest.raises(UnfinishedError, match="the server does not know it any more"):
        other.ask(items(10))
    assert len(other.ask(items(10))) == 10


def test_a_server_without_a_batch_api_is_told(tmp_path: Path) -> None:
    with FakeServer(lambda r: completion("no") if "chat" in r.path else error(404, "Not Found")) as server:
        endpoint = Endpoint(name="plain", model="m", base_url=server.url)
        with pytest.raises(TerminalError, match=r'the Batch API of endpoint \'plain\'.*use mode = "online"'):
            BatchClient(endpoint, None).submit("k" * 64, tmp_path / "none.jsonl")


def test_expired_rows_of_a_completed_batch_are_asked_online(serve: Any) -> None:
    night = serve(batch_expired_share=0.3)
    assert answers(night.ask(items(40))) == asked_online(night, items(40))


def test_a_token_costs_half(serve: Any) -> None:
    night = serve()
    batched = sum(outcome.cost_usd for outcome in night.ask(items(41))[1:])
    online = sum(outcome.cost_usd for outcome in Night(night.folder, night.server).ask(items(41), mode="online")[1:])
    assert batched == pytest.approx(online / 2, rel=0.02)


def test_the_budget_bounds_a_batch_before_it_is_sent(serve: Any) -> None:
    night = serve()
    n_answered = 0
    with pytest.raises(UnfinishedError, match="the budget is reached"):
        for outcome in night.engine(budget=Budget(max_requests=8)).ask(FORM, items(30)):
            n_answered += outcome.answer is not None
    assert n_answered == 8
    assert night.batches()[0]["request_counts"]["total"] == 7
    assert len(night.ask(items(30))) == 30


def test_a_batch_that_still_runs_counts_as_spent_and_nobody_waits_for_it(serve: Any) -> None:
    night = serve(batch_seconds=60)
    with pytest.raises(UnfinishedError, match="still runs"):
        night.ask(items(8), batch_wait_seconds=0.0)
    budget = Budget(max_requests=6)
    with pytest.raises(UnfinishedError):
        night.ask(items(20), budget=budget, batch_wait_seconds=0.0)
    assert budget.requests == 6
    with pytest.raises(UnfinishedError, match="the budget is reached"):
        asyncio.run(budget.reserve(0.0))


def test_a_batch_whose_file_is_gone_is_told_and_asked_anew(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    night = serve()

    def die(self: BatchClient, key: str, path: Path) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(BatchClient, "_create", die)
    with pytest.raises(KeyboardInterrupt):
        night.ask(items(10))
    monkeypatch.undo()
    for path in (night.folder / "batches").iterdir():
        path.unlink()
    with pytest.raises(UnfinishedError, match="was never sent"):
        night.ask(items(10))
    assert len(night.ask(items(10))) == 10


def test_nothing_due_asks_nothing(serve: Any) -> None:
    night = serve()
    assert night.ask([]) == []
    night.ask(items(5))
    before = night.server.stats()["n_requests"]
    assert len(night.ask(items(5))) == 5
    assert len(night.batches()) == 1
    assert night.server.stats()["n_requests"] <= before + 2


def test_a_row_of_nobodys_is_no_answer(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    night = serve()
    read = BatchClient.read_lines

    def with_strangers(self: BatchClient, file_id: str) -> Iterator[dict[str, Any]]:
        yield {}
        for row in read(self, file_id):
            yield {**row, "custom_id": "f" * 64}
            yield json.loads(json.dumps(row))

    monkeypatch.setattr(BatchClient, "read_lines", with_strangers)
    assert answers(night.ask(items(12))) == asked_online(night, items(12))


def test_batches_need_a_desk() -> None:
    with pytest.raises(ConfigError, match="mode 'batch', which needs a warehouse"):
        Engine(Endpoint(name="a", model="m", mode="batch"))
