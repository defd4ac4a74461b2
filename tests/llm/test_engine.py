"""The engine over real HTTP: order, bounds, paying once, halving."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tasks.llm.cache import MemoryStore, StoredReply, reply_key
from tasks.llm.engine import Engine
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
