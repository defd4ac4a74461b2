"""One endpoint over real HTTP: what is tried again, what is not, what is learnt, and what is never told."""

from __future__ import annotations

import logging
import socket
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from tasks.contracts.errors import TerminalError
from tasks.llm.engine import Engine
from tasks.llm.form import Outcome
from tasks.llm.types import Endpoint
from tests.llm.fake_server import Answer, FakeServer, Request, completion, error
from tests.llm.shouting import ShoutForm, endpoint_of, numbered, shout

KEY = "sk-very-secret-4711"


def ask_one(server: FakeServer, **values: Any) -> Outcome[str, str]:
    [outcome] = Engine(endpoint_of(server, **values), api_key=SecretStr(KEY)).ask(ShoutForm(), numbered(1))
    return outcome


def first(n: int, answer: Answer) -> Callable[[Request], Answer]:
    """A script that gives `answer` to the first n requests and then answers right."""
    return lambda request: answer if request.n <= n else shout(request)


@pytest.mark.parametrize(
    "fault",
    [
        error(500, "oops"),
        error(503, "down"),
        error(408, "slow"),
        Answer(is_dropped=True),
        Answer(body="<html>"),
        Answer(body={}),
    ],
)
def test_weather_is_tried_again(fault: Answer) -> None:
    with FakeServer(first(3, fault)) as server:
        outcome = ask_one(server)
    assert outcome.answer == "WORD0"
    assert (outcome.usage.requests, outcome.usage.tokens_in) == (4, 100)


def test_after_the_last_try_the_trouble_is_told() -> None:
    with FakeServer(lambda _: error(500, "the disk is on fire")) as server:
        outcome = ask_one(server, max_attempts=3)
    assert len(server.requests) == outcome.usage.requests == 3
    assert outcome.trouble is not None
    assert outcome.trouble.code == "server_error"
    assert "the disk is on fire" in outcome.trouble.detail


def test_a_reply_that_takes_too_long_is_tried_again() -> None:
    with FakeServer(first(1, completion("late", delay_seconds=0.5))) as server:
        assert ask_one(server, timeout_seconds=0.2).answer == "WORD0"
        server.script = lambda _: completion("late", delay_seconds=0.5)
        outcome = ask_one(server, timeout_seconds=0.15, max_attempts=1, model="other")
    assert outcome.trouble is not None
    assert outcome.trouble.reason.startswith("timeout: endpoint 'fake'")


def test_retry_after_is_obeyed_by_all() -> None:
    busy = error(429, "Rate limit reached", headers={"retry-after-ms": "300"})
    with FakeServer(lambda r: busy if r.n == 5 else shout(r)) as server:
        outcomes = list(Engine(endpoint_of(server, max_in_flight=1)).ask(ShoutForm(), numbered(20)))
    assert len([outcome for outcome in outcomes if outcome.answer]) == 20
    assert len(server.requests) == 21
    told_at = server.requests[4].at
    assert all(request.at - told_at > 0.29 for request in server.requests[5:])


def test_rate_limits_do_not_count_as_tries() -> None:
    with FakeServer(first(12, error(429, "Rate limit reached", headers={"retry-after-ms": "5"}))) as server:
        assert ask_one(server, max_attempts=2).answer == "WORD0"


def test_patience_with_rate_limits_ends() -> None:
    with FakeServer(lambda _: error(429, "busy", headers={"retry-after-ms": "40"})) as server:
        outcome = ask_one(server, patience_seconds=0.1)
        assert outcome.trouble is not None
        assert outcome.trouble.code == "rate_limited"
        server.script = lambda _: error(429, "daily limit", headers={"retry-after": "80000"})
        with pytest.raises(TerminalError, match="80000 s, longer than patience_seconds = 900; run again later"):
            ask_one(server)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "OPENAI_API_KEY"),
        (403, "refused the key"),
        (404, "correct model or base_url"),
        (402, "top the account up"),
    ],
)
def test_what_no_retry_mends_ends_at_once(status: int, message: str) -> None:
    with FakeServer(lambda _: error(status, "no")) as server, pytest.raises(TerminalError, match=message):
        ask_one(server)
    assert len(server.requests) == 1


def test_a_refused_connection_ends_at_once() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
    engine = Engine(Endpoint(name="gone", model="m", base_url=url))
    with pytest.raises(TerminalError, match="refuses connections; start the server or correct base_url"):
        list(engine.ask(ShoutForm(), numbered(3)))


@pytest.mark.parametrize("supported", ["json_object", "text"])
def test_the_reply_format_is_found_out_once(supported: str) -> None:
    def script(request: Request) -> Answer:
        return shout(request) if request.format == supported else error(400, "Unsupported parameter: response_format")

    with FakeServer(script) as server:
        outcomes = list(Engine(endpoint_of(server)).ask(ShoutForm(), numbered(30)))
    assert all(outcome.answer for outcome in outcomes)
    refused = [request for request in server.requests if request.format != supported]
    assert len(refused) == (1 if supported == "json_object" else 2)
    assert "JSON schema" in server.requests[-1].system


def test_a_400_that_names_nothing_tries_the_next_format_too() -> None:
    with FakeServer(lambda r: error(400, "bad request") if r.format == "json_schema" else shout(r)) as server:
        assert ask_one(server).answer == "WORD0"


def test_a_400_that_holds_in_every_format_is_the_questions_own() -> None:
    with FakeServer(lambda _: error(400, "bad request")) as server:
        outcome = ask_one(server)
    assert outcome.trouble is not None
    assert outcome.trouble.code == "rejected"
    assert [request.format for request in server.requests] == ["json_schema", "json_object", "text"]


def test_once_a_format_has_worked_a_400_is_the_questions_own() -> None:
    with FakeServer(lambda r: error(400, "bad request") if r.n > 5 else shout(r)) as server:
        outcomes = list(Engine(endpoint_of(server, max_in_flight=1)).ask(ShoutForm(), numbered(8)))
    assert [outcome.answer is None for outcome in outcomes] == [False] * 5 + [True] * 3
    assert len(server.requests) == 8


def test_parameters_that_the_model_refuses_are_left_out() -> None:
    def script(request: Request) -> Answer:
        for name in ("temperature", "max_tokens", "seed"):
            if name in request.body:
                return error(400, f"Unsupported parameter: '{name}' is not supported with this model.")
        return shout(request)

    sampling = {"temperature": 0.2, "seed": 1, "max_output_tokens": 50, "extra": {"reasoning_effort": "low"}}
    with FakeServer(script) as server:
        outcomes = list(Engine(endpoint_of(server, sampling=sampling)).ask(ShoutForm(), numbered(10)))
    assert all(outcome.answer for outcome in outcomes)
    assert len(server.requests) == 13
    body = server.requests[-1].body
    assert (body["max_completion_tokens"], body["reasoning_effort"]) == (50, "low")
    assert body["response_format"]["json_schema"]["strict"] is True


def test_the_key_and_no_other_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-someone-else")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-someone-else")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://else.example/v1")
    with FakeServer(shout) as server:
        ask_one(server)
        list(Engine(endpoint_of(server, model="keyless")).ask(ShoutForm(), numbered(1)))
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert not [request for request in server.requests if "of-someone-else" in str(request.headers)]


@pytest.mark.parametrize(
    "answer",
    [error(401, f"bad key {KEY}"), error(404, f"no {KEY}"), error(500, f"oops {KEY}"), Answer(is_dropped=True)],
)
def test_the_key_is_in_no_error_and_no_log(answer: Answer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = ""
    with FakeServer(lambda _: answer) as server:
        try:
            said = repr(ask_one(server, max_attempts=1))
        except TerminalError as terminal:
            said = "".join(traceback.TracebackException.from_exception(terminal, capture_locals=False).format())
    assert said
    assert KEY not in said + caplog.text
