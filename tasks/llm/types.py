"""What the engine works with: an endpoint, a prompt, a completion, what it cost, and why there was no answer.

Pure values: nothing here reads the environment, the network or the clock. A key is never among them: it travels beside
an endpoint as a pydantic `SecretStr`, and an endpoint holds only the name of the environment variable.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Message = dict[str, str]
TroubleCode = Literal[
    "invalid_reply",  # asked twice, and neither reply fitted the schema and the question
    "refused",  # the model declined
    "content_filter",  # the server's filter stopped the question or the reply
    "cut_off",  # the reply ended at the token limit
    "too_long",  # the prompt exceeds the model's context
    "rejected",  # the server refused this request as such (400, 413, 422)
    "rate_limited",  # told to wait longer than the endpoint's patience
    "server_error",  # 5xx, a lost connection or a garbled body, as often as we try
    "timeout",  # no complete reply in time, as often as we try
]


class Sampling(BaseModel):
    """Parameters of the request that change the answer; None: left to the server.

    extra goes into the request body as it is, for what one vendor knows alone: {"reasoning_effort": "low"}.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: Annotated[float, Field(ge=0, le=2)] | None = 0.0
    seed: int | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    extra: Mapping[str, JsonValue] = {}


class Endpoint(BaseModel):
    """One model behind one OpenAI-compatible server.

    api_key_env is the name of the environment variable that holds the key, None where the server wants none.
    provider is the server's identity in fingerprints and in the reply store. It defaults to the base URL without scheme
    and credentials; name it, and a server may move without its labels being due again. Prices are US dollars per
    million tokens; usd_per_million_cached None means the price of tokens in. timeout_seconds bounds one whole reply,
    patience_seconds all that one question waits on rate limits. backoff_seconds is the first pause after an error;
    it doubles up to a minute. A prompt is tried max_attempts times; outage_after of them in a row without
    an answer end the stage. max_in_flight is a ceiling: how many requests are in flight below it adapts to the server.
    requests_per_minute and tokens_per_minute None: as the server's own headers say. mode "batch" asks through the Batch
    API and waits batch_wait_seconds for a batch to end; one that takes longer is picked up by a later run. There a token
    costs batch_price_share of its price. wants_logprobs asks for the probability of each token of a reply.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, Field(min_length=1)]
    model: Annotated[str, Field(min_length=1)]
    base_url: Annotated[str, Field(pattern=r"^https?://[^/\s]+")] = "https://api.openai.com/v1"
    api_key_env: str | None = "OPENAI_API_KEY"
    provider: str = ""
    usd_per_million_in: Annotated[float, Field(ge=0)] = 0.0
    usd_per_million_out: Annotated[float, Field(ge=0)] = 0.0
    usd_per_million_cached: Annotated[float, Field(ge=0)] | None = None
    sampling: Sampling = Sampling()
    timeout_seconds: Annotated[float, Field(gt=0)] = 120.0
    connect_seconds: Annotated[float, Field(gt=0)] = 10.0
    patience_seconds: Annotated[float, Field(gt=0)] = 900.0
    backoff_seconds: Annotated[float, Field(gt=0)] = 0.5
    max_attempts: Annotated[int, Field(ge=1)] = 5
    max_in_flight: Annotated[int, Field(ge=1, le=1000)] = 64
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    mode: Literal["online", "batch"] = "online"
    batch_wait_seconds: Annotated[float, Field(ge=0)] = 6 * 3600.0
    batch_price_share: Annotated[float, Field(ge=0)] = 0.5
    wants_logprobs: bool = False
    outage_after: Annotated[int, Field(ge=1)] = 10

    @property
    def is_priced(self) -> bool:
        """Whether a cost of 0 means free; False means that no price was given."""
        return self.usd_per_million_in > 0 or self.usd_per_million_out > 0

    @property
    def shown_url(self) -> str:
        """The base URL without credentials, for messages."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def identity(self) -> dict[str, Any]:
        """All of the endpoint that changes its answers, as JSON values, and nothing else."""
        provider = self.provider or self.shown_url.partition("://")[2].rstrip("/").lower()
        identity = {"provider": provider, "model": self.model, "sampling": self.sampling.model_dump(mode="json")}
        # A reply without them does not hold what a reply with them does; and without the wish nothing has changed.
        return identity | ({"logprobs": True} if self.wants_logprobs else {})

    def cost_usd(self, usage: TokenUsage) -> float:
        """What `usage` costs at this endpoint's prices."""
        cached_price = self.usd_per_million_in if self.usd_per_million_cached is None else self.usd_per_million_cached
        fresh = max(usage.tokens_in - usage.tokens_cached, 0)
        total = fresh * self.usd_per_million_in + usage.tokens_cached * cached_price
        return (total + usage.tokens_out * self.usd_per_million_out) / 1_000_000


@dataclass(frozen=True)
class TokenUsage:
    """Requests sent (retries and repeated asks among them) and tokens, as the server's `usage` states them."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0

    def __add__(self, other: TokenUsage) -> TokenUsage:
        return TokenUsage(
            requests=self.requests + other.requests,
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            tokens_cached=self.tokens_cached + other.tokens_cached,
        )


NOTHING_USED = TokenUsage()


@dataclass
class Meter:
    """Sums what one prompt has cost so far, so that the sum survives an error."""

    usage: TokenUsage = NOTHING_USED

    def add(self, usage: TokenUsage) -> None:
        """Count one more request or reply."""
        self.usage = self.usage + usage


@dataclass(frozen=True)
class Prompt:
    """One request: instructions shared by all, the questions numbered 1..n_questions, the JSON schema of the reply.

    sample tells askings of the same questions apart, where several answers to each are wanted.
    """

    system: str
    user: str
    schema_name: str
    schema: Mapping[str, Any]
    n_questions: int
    sample: int = 0

    @property
    def messages(self) -> list[Message]:
        """The chat messages, the shared part first, so that a server's prompt cache can hit."""
        return [{"role": "system", "content": self.system}, {"role": "user", "content": self.user}]

    @cached_property
    def n_bytes(self) -> int:
        """The UTF-8 bytes of messages and schema."""
        texts = (self.system, self.user, json.dumps(self.schema))
        return sum(len(text.encode("utf-8", errors="replace")) for text in texts)


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a reply: its bytes, and the natural logarithm of its probability, at most 0."""

    data: bytes
    logprob: float


@dataclass(frozen=True)
class Completion:
    """What the server answered to one request, before anybody believed it; tokens where it was asked for them."""

    text: str
    finish_reason: str = "stop"
    refusal: str = ""
    model: str = ""
    usage: TokenUsage = NOTHING_USED
    tokens: tuple[Token, ...] = ()


@dataclass(frozen=True)
class Trouble:
    """Why a prompt has no answer, with the last raw reply."""

    code: TroubleCode
    detail: str
    raw: str = ""

    @property
    def reason(self) -> str:
        """The code and the detail in a line: "refused: I can't help with that"."""
        return f"{self.code}: {self.detail}"
