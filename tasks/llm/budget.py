"""What a run may still spend: every request reserves its dearest case before it is sent and settles when it is answered.

So that however many are in flight, their sum can't go beyond the limit. Lives in one asyncio loop.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tasks.contracts.errors import ConfigError, UnfinishedError
from tasks.llm.types import Endpoint, Message, Prompt, TokenUsage

TOKENS_PER_MESSAGE = 8
# Without a token limit in the request a reply has no upper bound; this is how much longer than expected it may be.
SLACK = 4


@dataclass(frozen=True)
class Reservation:
    """One request's dearest case, in US dollars."""

    cost_usd: float


class Budget:
    """At most max_requests requests and max_cost_usd US dollars, from now on; None: no limit."""

    def __init__(self, *, max_requests: int | None = None, max_cost_usd: float | None = None) -> None:
        self.max_requests = max_requests
        self.max_cost_usd = max_cost_usd
        self.requests = 0
        self.cost_usd = 0.0
        self._reserved_usd = 0.0
        self._n_open = 0
        self._settled: asyncio.Event | None = None

    async def reserve(self, cost_usd: float) -> Reservation:
        """Set aside one request of at most `cost_usd`.

        Waits while only requests in flight stand in the way. Raises UnfinishedError when the budget is reached.
        """
        while (reservation := self.try_to_reserve(cost_usd)) is None:
            if self._n_open == 0 or self._has_no_request_left():
                raise self.reached()
            self._settled = self._settled or asyncio.Event()
            await self._settled.wait()
        return reservation

    def try_to_reserve(self, cost_usd: float) -> Reservation | None:
        """Set aside one request of at most `cost_usd` if it fits beside all that is spent and set aside."""
        if not self._fits(cost_usd):
            return None
        self.requests += 1
        self._reserved_usd += cost_usd
        self._n_open += 1
        return Reservation(cost_usd)

    def reached(self) -> UnfinishedError:
        """The error that says that the budget is reached."""
        return UnfinishedError(f"the budget is reached: {self._describe()}")

    def settle(self, reservation: Reservation, *, cost_usd: float) -> None:
        """Put what a request has cost in the place of its reservation."""
        self._reserved_usd -= reservation.cost_usd
        self._n_open -= 1
        self.cost_usd += cost_usd
        if self._settled is not None:
            self._settled.set()
            self._settled = None

    def check_priced(self, endpoint: Endpoint) -> None:
        """Raise ConfigError if money is limited and the endpoint states no price: the limit could never be reached."""
        if self.max_cost_usd is not None and not endpoint.is_priced:
            raise ConfigError(
                f"the budget limits money, but endpoint {endpoint.name!r} states no price; "
                "set price_in and price_out, or limit max_requests"
            )

    def _fits(self, cost_usd: float) -> bool:
        if self._has_no_request_left():
            return False
        return self.max_cost_usd is None or self.cost_usd + self._reserved_usd + cost_usd <= self.max_cost_usd

    def _has_no_request_left(self) -> bool:
        return self.max_requests is not None and self.requests >= self.max_requests

    def _describe(self) -> str:
        spent = f"{self.requests} requests and ${self.cost_usd:.4f} of this task are spent"
        limits = [f"{self.max_requests} requests"] if self.max_requests is not None else []
        limits += [f"${self.max_cost_usd:.4f}"] if self.max_cost_usd is not None else []
        return f"{spent}, {' and '.join(limits)} were left to it"


def dearest_case(endpoint: Endpoint, prompt: Prompt, messages: list[Message], *, tokens_out: int) -> float:
    """The most that a request may cost, in US dollars.

    No token is shorter than a byte, so the bytes of the request bound its tokens; `messages` may go on after the
    prompt's. max_output_tokens bounds the reply; without it, SLACK times the expected `tokens_out` is taken, and a model
    that floods can go beyond.
    """
    added = sum(len(message["content"].encode("utf-8", errors="replace")) for message in messages[2:])
    tokens_in = prompt.n_bytes + added + TOKENS_PER_MESSAGE * len(messages)
    limit = endpoint.sampling.max_output_tokens
    out = SLACK * tokens_out if limit is None else limit
    return endpoint.cost_usd(TokenUsage(tokens_in=tokens_in, tokens_out=out))
