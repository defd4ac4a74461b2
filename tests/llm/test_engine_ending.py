"""How the engine's runs end over real HTTP: by an error, an outage, a reader who stops, an interrupt; what was paid is kept."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tasks.contracts.errors import TerminalError
from tasks.llm.cache import MemoryStore
from tasks.llm.engine import Engine
from tasks.llm.form import Outcome
from tests.llm.fake_server import Answer, FakeServer, Request, completion, error
from tests.llm.shouting import ShoutForm, endpoint_of, numbered, shout, shouts, words_of

FORM = ShoutForm()


@pytest.mark.parametrize(("status", "message"), [(401, "refused the key"), (404, "knows no model")])
def test_a_terminal_error_ends_the_run_and_keeps_what_was_answered(status: int, message: str) -> None:
    store = MemoryStore()
    answers: list[Outcome[str, str]] = []
    with FakeServer(lambda r: shout(r) if r.n <= 10 else error(status, "no")) as server:
        engine = Engine(endpoint_of(server, max_in_flight=2), store=store)
        with pytest.raises(TerminalError, match=message):
            answers.extend(engine.ask(FORM, numbered(1000)))
    assert len(answers) == len(store) == 10
    assert len(server.requests) <= 14


def test_a_wrong_key_is_found_out_with_one_request() -> None:
    with FakeServer(lambda _: error(401, "no")) as server, pytest.raises(TerminalError, match="refused the key"):
        list(Engine(endpoint_of(server)).ask(FORM, numbered(100)))
    assert len(server.requests) == 1


def test_an_outage_is_told_from_weather() -> None:
    with FakeServer(lambda r: shout(r) if r.n <= 5 else error(500, "down")) as server:
        engine = Engine(endpoint_of(server, max_attempts=2, max_in_flight=4))
        with pytest.raises(TerminalError, match="no answer to 10 prompts in a row, each tried 2 times"):
            list(engine.ask(FORM, numbered(1000)))
    assert len(server.requests) < 40


def test_a_server_that_rejects_all_ends_the_run() -> None:
    with FakeServer(lambda _: error(400, "no such thing here")) as server:
        engine = Engine(endpoint_of(server, outage_after=5, max_in_flight=2))
        with pytest.raises(
            TerminalError, match="each of 5 prompts was rejected and none taken; check model and base_url"
        ):
            list(engine.ask(FORM, numbered(1000)))
    assert len(server.requests) < 40


def test_a_model_that_never_answers_in_form_is_not_asked_all_night() -> None:
    outcomes: list[Outcome[str, str]] = []
    with FakeServer(lambda _: completion("Happy to help!")) as server:
        with pytest.raises(TerminalError, match=r"none of the first \d+ questions got a usable answer.*invalid_reply"):
            outcomes.extend(Engine(endpoint_of(server, max_in_flight=8)).ask(FORM, numbered(5000)))
        assert 50 <= len(outcomes) <= 80
        assert len(server.requests) <= 2 * 80


def test_rows_that_are_rejected_among_others_end_nothing() -> None:
    bad = {f"word{i}" for i in range(1, 60, 2)}
    with FakeServer(lambda r: error(400, "no") if bad & set(words_of(r)) else shout(r)) as server:
        outcomes = list(Engine(endpoint_of(server, outage_after=5)).ask(FORM, numbered(60)))
    assert {outcome.question for outcome in outcomes if outcome.trouble} == bad


def test_rows_that_always_fail_are_no_outage() -> None:
    bad = {f"word{i}" for i in range(0, 60, 4)}
    with FakeServer(lambda r: error(500, "boom") if bad & set(words_of(r)) else shout(r)) as server:
        outcomes = list(Engine(endpoint_of(server, max_attempts=2, max_in_flight=8)).ask(FORM, numbered(60)))
    assert {outcome.question for outcome in outcomes if outcome.trouble} == bad


def test_rows_that_always_fail_and_come_last_are_no_outage() -> None:
    bad = {f"word{i}" for i in range(0, 60, 4)}
    with FakeServer(lambda r: error(500, "boom") if bad & set(words_of(r)) else shout(r)) as server:
        # The bad rows rest between tries, so that all good ones are long answered when the tries are over.
        endpoint = endpoint_of(server, max_attempts=3, backoff_seconds=0.3)
        outcomes = list(Engine(endpoint).ask(FORM, numbered(60)))
    assert {outcome.question for outcome in outcomes if outcome.trouble} == bad


def test_closing_stores_what_is_in_flight_and_asks_no_more() -> None:
    store = MemoryStore()
    with FakeServer(lambda r: completion(shouts(words_of(r)), delay_seconds=0.05)) as server:
        outcomes = Engine(endpoint_of(server, max_in_flight=4), store=store).ask(FORM, numbered(1000))
        for _ in range(6):
            next(outcomes)
        outcomes.close()
        n_sent = len(server.requests)
        time.sleep(0.1)
    assert len(server.requests) == n_sent == len(store)
    assert n_sent <= 6 + 4 * 4
    assert not [thread for thread in threading.enumerate() if thread.name == "nightjar-llm"]


def test_a_run_that_is_never_read_starts_nothing() -> None:
    with FakeServer(shout) as server:
        Engine(endpoint_of(server)).ask(FORM, numbered(5)).close()
    assert server.requests == []
    assert not [thread for thread in threading.enumerate() if thread.name == "nightjar-llm"]


@pytest.fixture
def ctrl_c() -> Iterator[Callable[[], None]]:
    """Sends SIGINT to this process, which may have been started with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_waits_for_those_in_flight_hands_them_out_and_is_raised(ctrl_c: Callable[[], None]) -> None:
    def script(request: Request) -> Answer:
        if request.n == 10:
            ctrl_c()
        return completion(shouts(words_of(request)), delay_seconds=0.05)

    store = MemoryStore()
    answers: list[Outcome[str, str]] = []
    with FakeServer(script) as server, pytest.raises(KeyboardInterrupt):
        answers.extend(Engine(endpoint_of(server, max_in_flight=4), store=store).ask(FORM, numbered(1000)))
    assert len(answers) == len(store) == len(server.requests)
    assert 10 <= len(server.requests) <= 10 + 2 * 4


def test_a_second_interrupt_does_not_wait(ctrl_c: Callable[[], None]) -> None:
    def script(request: Request) -> Answer:
        if request.n == 10:
            ctrl_c()
            time.sleep(0.3)
            ctrl_c()
        return completion(shouts(words_of(request)), delay_seconds=0 if request.n < 9 else 30)

    begun = time.monotonic()
    with FakeServer(script) as server, pytest.raises(KeyboardInterrupt):
        list(Engine(endpoint_of(server, max_in_flight=4, timeout_seconds=60)).ask(FORM, numbered(1000)))
    assert time.monotonic() - begun < 15


def test_an_interrupt_is_not_forgotten_when_the_consumer_stops_or_all_is_done(ctrl_c: Callable[[], None]) -> None:
    with FakeServer(shout) as server:
        outcomes = Engine(endpoint_of(server)).ask(FORM, numbered(1000))
        next(outcomes)
        ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            outcomes.close()
        outcomes = Engine(endpoint_of(server)).ask(FORM, numbered(1))
        next(outcomes)
        ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            next(outcomes)


def test_an_error_in_the_questions_is_raised_once_what_is_in_flight_is_safe() -> None:
    def source() -> Iterator[str]:
        yield from numbered(5)
        raise OSError("the work list is gone")

    store = MemoryStore()
    answers: list[Outcome[str, str]] = []
    with FakeServer(shout) as server, pytest.raises(OSError, match="the work list is gone"):
        answers.extend(Engine(endpoint_of(server), store=store).ask(FORM, source()))
    assert len(answers) == len(store) == len(server.requests)
