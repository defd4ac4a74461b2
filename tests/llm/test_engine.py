"""The engine over real HTTP: order, bounds, paying once, halving, ending."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tasks.contracts.errors import TerminalError
from tasks.llm.cache import MemoryStore, StoredReply, reply_key
from tasks.llm.engine import Engine
from tasks.llm.form import Outcome
from tests.llm.fake_server import Answer, FakeServer, Request, completion, error
from tests.llm.shouting import ShoutForm, endpoint_of, except_for, numbered, shout, shouts, words_of

FORM = ShoutForm()


def test_every_question_is_answered_once() -> None:
    with FakeServer(shout) as server:
        outcomes = list(Engine(endpoint_of(server)).ask(FORM, numbered(100)))
    assert sorted(o.answer or "" for o in outcomes) == sorted(f"WORD{i}" for i in range(100))
    assert len(server.requests) == 100
    assert all(outcome.usage.requests == 1 for outcome in outcomes)


def test_no_questions_ask_nothing() -> None:
    with FakeServer(shout) as server:
        assert list(Engine(endpoint_of(server)).ask(FORM, [])) == []
    assert server.requests == []


def test_a_slow_reply_holds_no_other_up() -> None:
    with FakeServer(shout) as server:

        def answer_last(request: Request) -> Answer:
            deadline = time.monotonic() + 20
            while len(server.requests) < 60 and time.monotonic() < deadline:
                time.sleep(0.005)
            return shout(request)

        server.script = except_for("word5", answer_last)
        outcomes = [o.question for o in Engine(endpoint_of(server, max_in_flight=4)).ask(FORM, numbered(60))]
    # It was answered when the last question had been sent; three others may still have been in flight.
    assert outcomes.index("word5") >= 60 - 4


def test_in_flight_is_bounded_and_questions_are_read_ahead_by_a_bound_only() -> None:
    n_read = 0

    def source() -> Iterator[str]:
        nonlocal n_read
        for word in numbered(500):
            n_read += 1
            yield word

    with FakeServer(lambda r: completion(shouts(words_of(r)), delay_seconds=0.005)) as server:
        outcomes = Engine(endpoint_of(server, max_in_flight=3)).ask(FORM, source())
        for _ in range(20):
            next(outcomes)
        time.sleep(0.1)
        assert n_read <= 20 + 3 * 3
        outcomes.close()
    assert server.highest_in_flight <= 3


def test_identical_prompts_are_asked_once() -> None:
    with FakeServer(lambda r: completion(shouts(words_of(r)), delay_seconds=0.02)) as server:
        outcomes = list(Engine(endpoint_of(server)).ask(FORM, ["same"] * 30 + ["other"]))
    assert len(outcomes) == 31
    assert len(server.requests) == 2
    assert sum(outcome.usage.requests for outcome in outcomes) == 2


def test_a_stored_reply_is_served_for_nothing() -> None:
    store = MemoryStore()
    with FakeServer(shout) as server:
        list(Engine(endpoint_of(server), store=store).ask(FORM, numbered(10)))
        again = list(Engine(endpoint_of(server), store=store).ask(FORM, numbered(12)))
    assert len(server.requests) == 12
    assert sum(outcome.usage.requests for outcome in again) == 2
    assert all(outcome.answer for outcome in again)


def test_a_stored_reply_that_fails_the_checks_is_asked_again() -> None:
    store = MemoryStore()
    with FakeServer(shout) as server:
        endpoint = endpoint_of(server)
        store.put([(reply_key(endpoint, FORM.render(["word0"])), StoredReply("no longer valid"))])
        [outcome] = Engine(endpoint, store=store).ask(FORM, numbered(1))
    assert outcome.answer == "WORD0"
    assert len(server.requests) == 1


def test_a_reply_is_stored_before_it_is_handed_out() -> None:
    store = MemoryStore()
    with FakeServer(shout) as server:
        for n, _ in enumerate(Engine(endpoint_of(server), store=store).ask(FORM, numbered(20)), start=1):
            assert len(store) >= n


def test_refusals_cut_offs_and_invalid_replies_are_not_stored() -> None:
    store = MemoryStore()
    replies = [completion(None, refusal="No."), completion("{", finish_reason="length"), completion("nonsense")]
    with FakeServer(lambda r: replies[int(words_of(r)[0].removeprefix("word"))]) as server:
        outcomes = list(Engine(endpoint_of(server), store=store).ask(FORM, numbered(3)))
    assert len(store) == 0
    codes = {outcome.question: outcome.trouble.code for outcome in outcomes if outcome.trouble}
    assert codes == {"word0": "refused", "word1": "cut_off", "word2": "invalid_reply"}


def test_an_invalid_reply_is_asked_again_with_what_was_wrong() -> None:
    def script(request: Request) -> Answer:
        return completion({"answers": [{"number": 2, "word": "WORD0"}]}) if request.n == 1 else shout(request)

    with FakeServer(script) as server:
        [outcome] = Engine(endpoint_of(server)).ask(FORM, numbered(1))
    assert outcome.answer == "WORD0"
    assert (outcome.attempts, outcome.usage.requests, outcome.usage.tokens_in) == (2, 2, 200)
    assert "number 2 was not asked" in server.requests[1].last


def test_a_failing_batch_is_halved_until_the_culprit_stands_alone() -> None:
    words = [f"word{i}" for i in range(8)]
    with FakeServer(except_for("word5", completion("I would rather not say."))) as server:
        outcomes = list(Engine(endpoint_of(server)).ask(FORM, words, size=8))
    failed = [outcome for outcome in outcomes if outcome.trouble]
    assert [outcome.question for outcome in failed] == ["word5"]
    assert failed[0].trouble is not None
    assert failed[0].trouble.reason == "invalid_reply: the reply holds no JSON"
    assert failed[0].trouble.raw == "I would rather not say."
    assert failed[0].attempts == 8
    assert sorted(outcome.answer for outcome in outcomes if outcome.answer) == sorted(
        word.upper() for word in words if word != "word5"
    )
    # 8 words, 4, 2 and 1 are each asked twice; the other halves (4, 2, 1) once.
    assert len(server.requests) == sum(outcome.usage.requests for outcome in outcomes) == 11


@pytest.mark.parametrize(
    ("answer", "code", "n_requests"),
    [
        (completion(None, refusal="I can't."), "refused", 5),
        (completion("{", finish_reason="length"), "cut_off", 5),
        (completion("", finish_reason="content_filter"), "content_filter", 5),
        (error(400, "The response was filtered", code="content_filter"), "content_filter", 5),
        (error(400, "maximum context length is 8192 tokens", code="context_length_exceeded"), "too_long", 5),
        (error(500, "boom"), "server_error", 8),
    ],
)
def test_one_bad_question_costs_its_neighbours_nothing(answer: Answer, code: str, n_requests: int) -> None:
    with FakeServer(except_for("d", answer)) as server:
        outcomes = list(Engine(endpoint_of(server, max_attempts=2)).ask(FORM, "abcd", size=4))
    troubles = {outcome.question: outcome.trouble.code for outcome in outcomes if outcome.trouble}
    assert troubles == {"d": code}
    assert len(server.requests) == n_requests


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


def test_what_a_run_learnt_of_the_server_serves_the_next() -> None:
    def script(request: Request) -> Answer:
        return (
            error(400, "response_format json_schema is not supported")
            if request.format == "json_schema"
            else shout(request)
        )

    with FakeServer(script) as server:
        engine = Engine(endpoint_of(server))
        list(engine.ask(FORM, numbered(20)))
        list(engine.ask(FORM, ["another"]))
    formats = [request.format for request in server.requests]
    assert formats.count("json_schema") == 1
    assert formats.count("json_object") == 21
