"""Requests and tokens per window, counted truly, and the headers that tell of them. Pure: the clock is handed in."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from tasks.llm.fake.faults import Faults

_ROUNDING_SECONDS = 1e-6


@dataclass(slots=True)
class _Use:
    """What one admitted request takes of the limits until `ends_at`."""

    ends_at: float
    tokens: int


@dataclass(frozen=True)
class LimitHit:
    """A request that must wait: for how long, if nobody else comes, and at which limit."""

    kind: Literal["requests", "tokens"]
    limit: int
    used: int
    wanted: int
    retry_after_seconds: float


@dataclass
class RateLimits:
    """The limits of one account. A request is charged what it asks when admitted, and its answer afterwards."""

    faults: Faults
    _uses: deque[_Use] = field(default_factory=deque)
    _tokens: int = 0

    def admit(self, tokens: int, *, now: float) -> LimitHit | None:
        """Charge a request, or say how long it would have to wait; what is refused is not charged."""
        self._forget(now)
        hit = self._find_hit(tokens, now)
        if hit is None and self._counts:
            self._uses.append(_Use(self._end_of(now), tokens))
            self._tokens += tokens
        return hit

    def charge(self, tokens: int) -> None:
        """Add tokens to the request that was admitted last."""
        if self._uses:
            self._uses[-1].tokens += tokens
            self._tokens += tokens

    def describe(self, now: float) -> dict[str, str]:
        """The `x-ratelimit-…` headers, as far as there are limits."""
        self._forget(now)
        seconds = max((self._uses[-1].ends_at - now) if self._uses else 0.0, 0.0)
        headers = {}
        for kind, limit, used in (
            ("requests", self.faults.requests_per_minute, len(self._uses)),
            ("tokens", self.faults.tokens_per_minute, self._tokens),
        ):
            if limit is not None:
                headers[f"x-ratelimit-limit-{kind}"] = str(limit)
                headers[f"x-ratelimit-remaining-{kind}"] = str(max(limit - used, 0))
                headers[f"x-ratelimit-reset-{kind}"] = format_duration(seconds)
        return headers

    @property
    def _counts(self) -> bool:
        return self.faults.requests_per_minute is not None or self.faults.tokens_per_minute is not None

    def _end_of(self, now: float) -> float:
        window = self.faults.window_seconds
        return now + window if self.faults.window == "sliding" else (now // window + 1) * window

    def _forget(self, now: float) -> None:
        while self._uses and self._uses[0].ends_at <= now + _ROUNDING_SECONDS:
            self._tokens -= self._uses.popleft().tokens

    def _find_hit(self, tokens: int, now: float) -> LimitHit | None:
        """The limit that is hit for longest. A request larger than the limit passes when nothing else counts."""
        hits = []
        limit = self.faults.requests_per_minute
        if limit is not None and len(self._uses) >= limit:
            wait = self._uses[len(self._uses) - limit].ends_at - now
            hits.append(LimitHit("requests", limit, len(self._uses), 1, wait))
        limit = self.faults.tokens_per_minute
        if limit is not None and self._uses and self._tokens + tokens > limit:
            left, wait = self._tokens, 0.0
            for use in self._uses:
                if left + tokens <= limit:
                    break
                left -= use.tokens
                wait = use.ends_at - now
            hits.append(LimitHit("tokens", limit, self._tokens, tokens, wait))
        return max(hits, key=lambda hit: hit.retry_after_seconds, default=None)


def format_duration(seconds: float) -> str:
    """Seconds as OpenAI writes them, rounded up to the millisecond.

    >>> [format_duration(seconds) for seconds in (0, 0.12, 8.64, 360, 3723.5)]
    ['0s', '120ms', '8.64s', '6m0s', '1h2m3.5s']
    """
    milliseconds = math.ceil(round(seconds * 1000, 3))
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    shown = f"{milliseconds / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + shown
