"""Requests and tokens per minute: what the server allows, and a window over the last minute that keeps within it.

At most `limit` in any 60 seconds, whatever way the server counts. The window of this module lies in memory; one that
processes share is handed in. Time and memory O(600) a request: a row for each tenth of a second.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

# A little more than a minute: a request may take longer on its way to the server than the one that it replaces.
WINDOW_SECONDS = 60.5
BUCKET_SECONDS = 0.1
# A larger number is no limit; Python refuses to read some.
MOST_DIGITS = 18
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class RateLimits:
    """What one minute may hold; None: no limit is known."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None

    def or_else(self, other: RateLimits) -> RateLimits:
        """These limits, and those of `other` where these say nothing."""
        return RateLimits(
            self.requests_per_minute or other.requests_per_minute, self.tokens_per_minute or other.tokens_per_minute
        )

    @property
    def is_unlimited(self) -> bool:
        """Whether nothing is known that would have to be kept."""
        return self.requests_per_minute is None and self.tokens_per_minute is None


@dataclass(frozen=True)
class Heard:
    """What the headers of one response say: the limits, and seconds to wait when nothing is left of one of them."""

    limits: RateLimits
    wait_seconds: float = 0.0


def read_limits(headers: Mapping[str, str]) -> Heard | None:
    """The limits in `x-ratelimit-*` headers (names in lower case), None where there are none.

    A limit that is reset only after more than two minutes counts days, not minutes, and is left to `retry-after`.
    """
    limits: dict[str, int] = {}
    wait = 0.0
    for kind in ("requests", "tokens"):
        limit, remaining = (_whole(headers.get(f"x-ratelimit-{name}-{kind}")) for name in ("limit", "remaining"))
        reset = read_duration(headers.get(f"x-ratelimit-reset-{kind}", ""))
        if not limit or (reset is not None and reset > 2 * WINDOW_SECONDS):
            continue
        limits[kind] = limit
        if remaining == 0 and reset is not None:
            wait = max(wait, min(reset, 60.0 / limit if kind == "requests" else 1.0))
    if not limits:
        return None
    return Heard(RateLimits(limits.get("requests"), limits.get("tokens")), wait)


def read_duration(text: str) -> float | None:
    """Seconds in a duration as servers write it: "6m0s", "120ms", "1.5s", "20"; None for anything else.

    >>> read_duration("1m2.5s")
    62.5
    """
    text = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not text or _DURATION.sub("", text):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))


def _whole(text: str | None) -> int | None:
    digits = (text or "").strip()
    return int(digits) if digits.isdecimal() and len(digits) <= MOST_DIGITS else None


def _fits(limits: RateLimits, n_sent: int, n_tokens: int, *, tokens: int) -> bool:
    """Whether a request of `tokens` fits beside what the window holds.

    One that alone exceeds the limit goes when the window is empty: else it never would.
    """
    if limits.requests_per_minute is not None and n_sent >= limits.requests_per_minute:
        return False
    return limits.tokens_per_minute is None or n_tokens + tokens <= limits.tokens_per_minute or n_sent <= 0


class Sends(NamedTuple):
    """What was sent in one tenth of a second."""

    at: float
    n: int
    tokens: int


class RateWindow(Protocol):
    """Where requests are counted before they are sent."""

    async def take(self, limits: RateLimits, tokens: int) -> float:
        """Count one request of about `tokens` and give 0.0, or count nothing and give the seconds to wait."""
        ...

    def correct(self, tokens: int) -> None:
        """Add what a request has used beyond (or, negative, below) what was expected."""
        ...


def seconds_to_wait(sends: Sequence[Sends], limits: RateLimits, tokens: int, *, now: float) -> float:
    """Seconds until a request of `tokens` fits into the window that holds `sends` (oldest first); 0.0: it fits now."""
    n_sent, n_tokens = sum(one.n for one in sends), sum(one.tokens for one in sends)
    wait = 0.0
    for one in sends:
        if _fits(limits, n_sent, n_tokens, tokens=tokens):
            break
        wait = one.at + WINDOW_SECONDS - now
        n_sent, n_tokens = n_sent - one.n, n_tokens - one.tokens
    return max(wait, 0.0)


def bucket_of(now: float) -> float:
    """The time that sends of `now` are counted under: the end of their tenth of a second."""
    return (now // BUCKET_SECONDS + 1) * BUCKET_SECONDS


class SlidingWindow:
    """A RateWindow over the last minute of this process."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sends: dict[float, Sends] = {}

    async def take(self, limits: RateLimits, tokens: int) -> float:
        """Count one request of about `tokens` and give 0.0, or count nothing and give the seconds to wait."""
        now = self._clock()
        self._sends = {at: one for at, one in self._sends.items() if at > now - WINDOW_SECONDS}
        wait = seconds_to_wait(list(self._sends.values()), limits, tokens, now=now)
        if wait == 0.0:
            self._add(now, n=1, tokens=tokens)
        return wait

    def correct(self, tokens: int) -> None:
        """Add what a request has used beyond (or, negative, below) what was expected."""
        if tokens:
            self._add(self._clock(), n=0, tokens=tokens)

    def _add(self, now: float, *, n: int, tokens: int) -> None:
        at = bucket_of(now)
        known = self._sends.get(at, Sends(at, 0, 0))
        self._sends[at] = Sends(at, known.n + n, known.tokens + tokens)
