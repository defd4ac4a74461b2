"""The shapes of OpenAI's responses: a completion, an error, and what becomes of either on the line. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.llm.fake.limits import LimitHit
from tasks.llm.types import NOTHING_USED, TokenUsage

JSON_HEADERS = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class FakeResponse:
    """What goes out after delay_seconds; is_dropped resets the connection instead.

    user_sha256, n_questions and usage are for the log and the counters; they stay empty where nothing was asked.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    delay_seconds: float = 0.0
    is_dropped: bool = False
    user_sha256: str = ""
    n_questions: int = 0
    usage: TokenUsage = NOTHING_USED


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818 - it travels as a response
    """A request that the server refuses: the status, what it says, and headers that say when to come again."""

    status: int
    message: str
    type: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """The error as OpenAI words it."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


def respond(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> FakeResponse:
    """A JSON response."""
    return FakeResponse(status, {**JSON_HEADERS, **(headers or {})}, json.dumps(value).encode())


def server_error() -> Refusal:
    """A 500."""
    message = "The server had an error while processing your request. Sorry about that!"
    return Refusal(500, message, type="server_error")


def unsupported_logprobs() -> Refusal:
    """The 400 of a server or model that tells no log-probabilities."""
    return Refusal(400, "'logprobs' is not supported with this model.", param="logprobs", code="unsupported_parameter")


def unsupported_format(kind: str) -> Refusal:
    """The 400 of a server that does not know a reply format."""
    message = f"Invalid parameter: 'response_format' of type '{kind}' is not supported with this model."
    return Refusal(400, message, param="response_format")


def busy(retry_after_seconds: float | None) -> Refusal:
    """The 429 of a server that has too many requests at once."""
    headers = {} if retry_after_seconds is None else _wait_headers(retry_after_seconds)
    return Refusal(429, "Too many concurrent requests", type="requests", code="concurrency_limit", headers=headers)


def rate_limited(hit: LimitHit, *, model: str) -> Refusal:
    """The 429 of a limit, with the true time to wait, rounded up to the millisecond."""
    unit = "requests per min (RPM)" if hit.kind == "requests" else "tokens per min (TPM)"
    headers = _wait_headers(hit.retry_after_seconds)
    said = f"Limit {hit.limit}, Used {hit.used}, Requested {hit.wanted}. Please try again in {headers['retry-after']}s."
    message = f"Rate limit reached for {model} in organization org-fake on {unit}: {said}"
    return Refusal(429, message, type=hit.kind, code="rate_limit_exceeded", headers=headers)


def write_completion(
    text: str | None,
    *,
    n: int,
    model: str,
    now: float,
    usage: TokenUsage,
    finish_reason: str,
    refusal: str | None,
    logprobs: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A chat completion; n makes its id."""
    return {
        "id": f"chatcmpl-fake{n:012d}",
        "object": "chat.completion",
        "created": int(now),
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": refusal},
                "logprobs": logprobs,
                "finish_reason": finish_reason,
            }
        ],
        "usage": {
            "prompt_tokens": usage.tokens_in,
            "completion_tokens": usage.tokens_out,
            "total_tokens": usage.tokens_in + usage.tokens_out,
            "prompt_tokens_details": {"cached_tokens": usage.tokens_cached, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _wait_headers(seconds: float) -> dict[str, str]:
    milliseconds = max(math.ceil(round(seconds * 1000, 3)), 0)
    return {"retry-after": f"{milliseconds / 1000:g}", "retry-after-ms": str(milliseconds)}
