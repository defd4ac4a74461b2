"""Limits: what is counted, how long one is told to wait, and that it is true."""

from __future__ import annotations

import time
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.llm.fake.faults import Faults
from tasks.llm.fake.limits import RateLimits, format_duration
from tasks.llm.fake.provider import FakeProvider
from tests.llm.data import FUZZ
from tests.llm.fake.prompting import ask, body_of, client_of, serve


@given(
    arrivals=st.lists(st.tuples(st.floats(0, 5), st.integers(1, 40)), min_size=1, max_size=60),
    requests=st.integers(1, 5) | st.none(),
    tokens=st.integers(40, 100) | st.none(),
)
@FUZZ
def test_no_window_ever_holds_more_than_the_limit_and_the_wait_is_true(
    arrivals: list[tuple[float, int]], requests: int | None, tokens: int | None
) -> None:
    limits = RateLimits(Faults(requests_per_minute=requests, tokens_per_minute=tokens, window_seconds=10))
    now = 1_800_000_000.0
    admitted: list[tuple[float, int]] = []
    for pause, size in arrivals:
        now += pause
        hit = limits.admit(size, now=now)
        if hit is not None:
            assert limits.admit(size, now=now + hit.retry_after_seconds * 0.999 - 1e-5) is not None
            now += hit.retry_after_seconds
            assert limits.admit(size, now=now) is None
        admitted.append((now, size))
    for start, _ in admitted:
        window = [size for at, size in admitted if start <= at < start + 10 - 1e-5]
        assert requests is None or len(window) <= requests
        assert tokens is None or sum(window) <= tokens


def test_a_fixed_window_ends_for_all_at_once() -> None:
    limits = RateLimits(Faults(requests_per_minute=2, window="fixed", window_seconds=10))
    assert limits.admit(1, now=1007) is None
    assert limits.admit(1, now=1008) is None
    hit = limits.admit(1, now=1009)
    assert hit is not None
    assert hit.retry_after_seconds == 1
    assert limits.admit(1, now=1010) is None


def test_answers_are_charged_too() -> None:
    limits = RateLimits(Faults(tokens_per_minute=100))
    assert limits.admit(50, now=0) is None
    limits.charge(40)
    assert limits.admit(50, now=1) is not None
    assert limits.describe(1)["x-ratelimit-remaining-tokens"] == "10"


def test_a_request_larger_than_the_limit_is_not_kept_out_for_ever() -> None:
    assert RateLimits(Faults(tokens_per_minute=10)).admit(50, now=0) is None


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0s"), (0.0001, "1ms"), (0.12, "120ms"), (1, "1s"), (8.64, "8.64s"), (71.482, "1m11.482s"), (360, "6m0s")],
)
def test_durations_are_written_as_openai_writes_them(seconds: float, shown: str) -> None:
    assert format_duration(seconds) == shown


def test_headers_tell_of_the_limits_when_asked_for() -> None:
    faults: dict[str, Any] = {"requests_per_minute": 3, "tokens_per_minute": 5000}
    headers = ask(FakeProvider(faults=Faults(sends_limit_headers=True, **faults)), ["any"], now=100.0).headers
    assert headers["x-ratelimit-limit-requests"] == "3"
    assert headers["x-ratelimit-remaining-requests"] == "2"
    assert headers["x-ratelimit-reset-requests"] == "1m0s"
    assert headers["x-ratelimit-limit-tokens"] == "5000"
    assert 0 < int(headers["x-ratelimit-remaining-tokens"]) < 5000
    silent = ask(FakeProvider(faults=Faults(**faults)), ["any"], now=100.0).headers
    assert not [name for name in silent if name.startswith("x-ratelimit")]


def test_who_waits_as_told_is_let_in() -> None:
    told: list[openai.RateLimitError] = []
    with serve(requests_per_minute=3, window_seconds=0.2) as server, client_of(server) as client:
        for _ in range(8):
            try:
                client.chat.completions.create(**body_of(["any"]))
            except openai.RateLimitError as error:
                told.append(error)
                time.sleep(float(error.response.headers["retry-after"]))
                client.chat.completions.create(**body_of(["any"]))
    assert told
    assert {error.code for error in told} == {"rate_limit_exceeded"}
    waits = [(error.response.headers["retry-after"], error.response.headers["retry-after-ms"]) for error in told]
    assert all(0 < float(seconds) <= 0.2 and round(float(seconds) * 1000) == int(ms) for seconds, ms in waits)


def test_too_many_at_once_are_refused_at_once() -> None:
    provider = FakeProvider(faults=Faults(max_concurrent=2, latency_seconds=1, busy_retry_after_seconds=0.25))
    for _ in range(2):
        provider.begin("/v1/chat/completions", now=0)
    refused = ask(provider, ["any"])
    assert (refused.status, refused.delay_seconds, refused.headers["retry-after-ms"]) == (429, 0, "250")
    assert provider.stats()["highest_in_flight"] == 0
    provider.end("POST", "/v1/chat/completions", refused, arrived_at=0, now=0)
    assert ask(provider, ["any"]).status == 200
    assert provider.stats()["highest_in_flight"] == 2
