"""Limits a minute: what headers say, and a window that is never exceeded, whoever shares it."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.llm.rates import WINDOW_SECONDS, RateLimits, SlidingWindow, read_duration, read_limits

OPENAI = {
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-limit-tokens": "30000",
    "x-ratelimit-remaining-requests": "499",
    "x-ratelimit-remaining-tokens": "29997",
    "x-ratelimit-reset-requests": "120ms",
    "x-ratelimit-reset-tokens": "6ms",
}


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def take(window: SlidingWindow, limits: RateLimits, tokens: int = 0) -> float:
    return asyncio.run(window.take(limits, tokens))


def test_headers_state_the_limits() -> None:
    heard = read_limits(OPENAI)
    assert heard is not None
    assert (heard.limits, heard.wait_seconds) == (RateLimits(500, 30000), 0.0)


def test_nothing_left_means_a_short_wait() -> None:
    heard = read_limits({**OPENAI, "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "59s"})
    assert heard is not None
    assert heard.wait_seconds == pytest.approx(0.12)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-ratelimit-limit-requests": "many"},
        # 200 a day: the limit of another period is left to retry-after.
        {"x-ratelimit-limit-requests": "200", "x-ratelimit-reset-requests": "7m12s"},
    ],
)
def test_other_headers_state_none(headers: dict[str, str]) -> None:
    assert read_limits(headers) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("6m0s", 360.0), ("120ms", 0.12), ("1.5s", 1.5), ("20", 20.0), ("1d2h", 93600.0), ("", None), ("soon", None)],
)
def test_durations_are_read(text: str, seconds: float | None) -> None:
    assert read_duration(text) == (seconds if seconds is None else pytest.approx(seconds))


def test_as_many_as_allowed_go_at_once_and_the_next_when_the_first_is_a_minute_old() -> None:
    clock = Clock()
    window = SlidingWindow(clock=clock)
    limits = RateLimits(requests_per_minute=3)
    assert [take(window, limits) for _ in range(3)] == [0.0] * 3
    wait = take(window, limits)
    assert WINDOW_SECONDS - 0.2 <= wait <= WINDOW_SECONDS + 0.2
    clock.now += wait + 0.001
    assert take(window, limits) == 0.0


def test_tokens_count_and_are_corrected_by_what_was_used() -> None:
    clock = Clock()
    window = SlidingWindow(clock=clock)
    limits = RateLimits(tokens_per_minute=1000)
    assert take(window, limits, 800) == 0.0
    assert take(window, limits, 300) > 0
    window.correct(-200)
    assert take(window, limits, 300) == 0.0
    assert take(window, limits, 200) > 0


def test_a_request_larger_than_the_limit_goes_alone() -> None:
    window = SlidingWindow(clock=Clock())
    limits = RateLimits(tokens_per_minute=1000)
    assert take(window, limits, 5000) == 0.0
    assert take(window, limits, 1) > 0


@given(
    st.lists(st.tuples(st.floats(0, 30), st.integers(0, 400)), min_size=1, max_size=60),
    st.integers(1, 9),
    st.integers(500, 2000),
)
def test_no_minute_ever_holds_more_than_allowed(steps: list[tuple[float, int]], rpm: int, tpm: int) -> None:
    clock = Clock()
    window = SlidingWindow(clock=clock)
    sent: list[tuple[float, int]] = []
    for pause, tokens in steps:
        clock.now += pause
        if take(window, RateLimits(rpm, tpm), tokens) == 0.0:
            sent.append((clock.now, tokens))
    for at, _ in sent:
        minute = [tokens for when, tokens in sent if at - 60 < when <= at]
        assert len(minute) <= rpm
        assert sum(minute) <= tpm
