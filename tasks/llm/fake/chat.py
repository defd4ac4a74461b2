"""Chat completions: one request in, one reply or refusal out, with the faults that befall it. The clock is handed in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.llm.fake.answers import Written, write_reply
from tasks.llm.fake.certainty import spell_tokens
from tasks.llm.fake.chat_request import BadRequestError, ChatRequest, read_chat_request
from tasks.llm.fake.faults import Fate, Faults, Weather, decide_fate
from tasks.llm.fake.limits import RateLimits
from tasks.llm.fake.replies import (
    JSON_HEADERS,
    FakeResponse,
    Refusal,
    busy,
    rate_limited,
    server_error,
    unsupported_format,
    unsupported_logprobs,
    write_completion,
)
from tasks.llm.types import NOTHING_USED, TokenUsage

TOKENS_PER_MESSAGE = 4
CACHED_FROM_TOKENS = 1024
CACHED_STEP_TOKENS = 128
MALFORMED_CHARS = 30
REFUSAL = "I'm sorry, but I can't help with that."


@dataclass(frozen=True, slots=True)
class ChatResult:
    """A reply without its way over the line: status and body, and what was asked."""

    status: int
    body: Mapping[str, Any]
    user_sha256: str = ""
    n_questions: int = 0
    usage: TokenUsage = NOTHING_USED


class Chat:
    """Answers chat completion requests; remembers prompts' beginnings, arrivals and the use of the limits."""

    def __init__(self, faults: Faults, *, seed: int) -> None:
        self._faults = faults
        self._seed = seed
        self._weather = Weather(faults, seed=seed)
        self._limits = RateLimits(faults)
        self._seen_prefixes: set[int] = set()
        self._n_completions = 0

    def answer(self, body: bytes, *, n_in_flight: int, now: float) -> FakeResponse:
        """The response to a request that makes n_in_flight with itself; raises Refusal where no limit was taken."""
        faults = self._faults
        if faults.max_concurrent is not None and n_in_flight > faults.max_concurrent:
            raise busy(faults.busy_retry_after_seconds)
        request = self._read(body)
        hit = self._limits.admit(self._count_tokens_in(request), now=now)
        headers = {**JSON_HEADERS, **self._limits.describe(now)} if faults.sends_limit_headers else JSON_HEADERS
        if hit is not None:
            refusal = rate_limited(hit, model=request.model)
            return _send(_refuse(refusal, request), headers={**headers, **refusal.headers})
        gust = self._weather.meet(request)
        delay = faults.slow_seconds if gust.is_slow else faults.latency_seconds
        result = _refuse(server_error(), request) if gust.fails_once else self._complete(request, now=now)
        self._limits.charge(result.usage.tokens_out)
        return _send(result, headers=headers, delay_seconds=delay, is_dropped=gust.is_dropped)

    def answer_row(self, body: Any, *, now: float) -> ChatResult:
        """The reply to a row of a batch, which knows neither limits nor weather but that it may fail once."""
        try:
            request = self._read(body)
            if self._weather.meet(request).fails_once:
                return _refuse(server_error(), request)
            return self._complete(request, now=now, is_row=True)
        except Refusal as refusal:
            return ChatResult(refusal.status, refusal.body)

    def _read(self, body: Any) -> ChatRequest:
        faults = self._faults
        try:
            request = read_chat_request(json.loads(body) if isinstance(body, bytes) else body)
        except BadRequestError as error:
            raise Refusal(400, str(error), param=error.param, code=error.code) from None
        except ValueError:
            raise Refusal(400, "We could not parse the JSON body of your request.") from None
        if faults.unknown_model:
            message = f"The model `{request.model}` does not exist or you do not have access to it."
            raise Refusal(404, message, code="model_not_found")
        if faults.no_credit:
            raise no_credit()
        is_unknown = {"json_schema": faults.refuses_json_schema, "json_object": faults.refuses_json_object}
        if is_unknown.get(request.format):
            raise unsupported_format(request.format)
        if request.wants_logprobs and faults.refuses_logprobs:
            raise unsupported_logprobs()
        return request

    def _complete(self, request: ChatRequest, *, now: float, is_row: bool = False) -> ChatResult:
        fate = decide_fate(self._faults, request, seed=self._seed)
        if fate.fails_always or (is_row and fate.fails_in_batch):
            return _refuse(server_error(), request)
        written, finish_reason = self._write(request, fate)
        text = None if written is None else written.text
        has_logprobs = request.wants_logprobs and not self._faults.omits_logprobs
        usage = self._count_usage(request, text or REFUSAL)
        self._n_completions += 1
        body = write_completion(
            text,
            n=self._n_completions,
            model=request.model,
            now=now,
            usage=usage,
            finish_reason=finish_reason,
            refusal=REFUSAL if text is None else None,
            logprobs=spell_tokens(written.text, written.labels) if written and has_logprobs else None,
        )
        return ChatResult(200, body, _hash_user(request), len(request.questions), usage)

    def _write(self, request: ChatRequest, fate: Fate) -> tuple[Written | None, str]:
        """The reply, None for a refusal; and why it ends."""
        if fate.is_refused:
            return None, "stop"
        try:
            first = self._faults.first_place_share
            written = write_reply(request, seed=self._seed, foreign=fate.foreign, first_place_share=first)
        except (KeyError, TypeError, AttributeError, StopIteration, RecursionError) as error:
            message = f"Invalid schema for response_format: {error!r}"
            raise Refusal(400, message, param="response_format") from None
        text = written.text
        if fate.is_cut_off:
            return Written(text[: len(text) // 2]), "length"
        if fate.is_malformed:
            return Written(text[:MALFORMED_CHARS]), "stop"
        if request.max_tokens is not None and self._count_tokens(text) > request.max_tokens:
            return Written(text[: int(request.max_tokens / self._faults.tokens_per_byte)]), "length"
        return written, "stop"

    def _count_tokens(self, text: str) -> int:
        return max(round(len(text.encode("utf-8", "surrogatepass")) * self._faults.tokens_per_byte), 1)

    def _count_tokens_in(self, request: ChatRequest) -> int:
        return round(request.n_bytes * self._faults.tokens_per_byte) + TOKENS_PER_MESSAGE * request.n_messages

    def _count_usage(self, request: ChatRequest, text: str) -> TokenUsage:
        """Tokens, those of the shared beginning as cached where it is long enough and has been seen."""
        n_shared = round(request.n_system_bytes * self._faults.tokens_per_byte)
        n_cached = 0
        if n_shared >= CACHED_FROM_TOKENS:
            prefix = hash((request.model, request.system, request.n_system_bytes))
            n_cached = n_shared // CACHED_STEP_TOKENS * CACHED_STEP_TOKENS if prefix in self._seen_prefixes else 0
            self._seen_prefixes.add(prefix)
        return TokenUsage(
            tokens_in=self._count_tokens_in(request), tokens_out=self._count_tokens(text), tokens_cached=n_cached
        )


def no_credit() -> Refusal:
    """The 429 that no waiting mends."""
    message = "You exceeded your current quota, please check your plan and billing details."
    return Refusal(429, message, type="insufficient_quota", code="insufficient_quota")


def _hash_user(request: ChatRequest) -> str:
    return hashlib.sha256(request.user.encode("utf-8", "surrogatepass")).hexdigest()


def _refuse(refusal: Refusal, request: ChatRequest) -> ChatResult:
    return ChatResult(refusal.status, refusal.body, _hash_user(request), len(request.questions))


def _send(
    result: ChatResult, *, headers: Mapping[str, str], delay_seconds: float = 0.0, is_dropped: bool = False
) -> FakeResponse:
    body = json.dumps(result.body).encode()
    return FakeResponse(
        result.status,
        headers,
        body,
        delay_seconds=delay_seconds,
        is_dropped=is_dropped,
        user_sha256=result.user_sha256,
        n_questions=result.n_questions,
        usage=result.usage,
    )
