"""Reading what a server sent back: a completion, or the error that says whether another try would help.

Pure: takes status, headers and body text; knows the shapes of OpenAI, Azure, vLLM, Ollama, FastAPI and gateways.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from tasks.contracts.errors import LabelerError, TerminalError
from tasks.llm.errors import BusyError, NoAnswerError, RejectedError
from tasks.llm.logprobs import read_tokens
from tasks.llm.types import Completion, Endpoint, TokenUsage

SHOWN_CHARS = 300
_QUOTA = re.compile(r"insufficient_quota|billing|credit balance|exceeded your current quota")
_FILTERED = re.compile(r"content_filter|content_policy|content management policy|moderation|flagged")
_TOO_LONG = re.compile(
    r"context_length|context length|context window|maximum context|too long|too many tokens|string_above_max_length"
)
# LiteLLM says these with 400: the first for a model it has not, the second for a key that it would have to look up.
_NO_MODEL = re.compile(r"invalid model name passed")
# Terminals obey some of these, and errors are printed.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_NO_KEY = re.compile(r"\| no_db_connection\b")


@dataclass(frozen=True)
class RawResponse:
    """One HTTP response; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str


def read_response(response: RawResponse, endpoint: Endpoint, *, secret: SecretStr | None = None) -> Completion:
    """The completion in a response; raises TerminalError, BusyError, NoAnswerError or RejectedError.

    `secret` is the key; it is cut out of everything that the server says before that becomes an error.
    """
    try:
        body = json.loads(response.text)
    except (ValueError, RecursionError):
        body = None
    status = response.status
    if status == 200 and isinstance(body, dict) and body.get("error") and not body.get("choices"):
        # Gateways report errors of the servers behind them in a 200.
        code = body["error"].get("code") if isinstance(body["error"], dict) else None
        status = code if isinstance(code, int) and 300 <= code <= 599 else 500
    if status == 200:
        return _read_completion(body, f"endpoint {endpoint.name!r} ({endpoint.shown_url})")
    raise _error_for(RawResponse(status, response.headers, response.text), endpoint, said=_say(body, response, secret))


def read_error(response: RawResponse, endpoint: Endpoint, *, secret: SecretStr | None = None) -> LabelerError:
    """The error that a response is, whatever was asked."""
    try:
        body = json.loads(response.text)
    except (ValueError, RecursionError):
        body = None
    return _error_for(response, endpoint, said=_say(body, response, secret))


def _read_completion(body: Any, where: str) -> Completion:
    choices = body.get("choices") if isinstance(body, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise NoAnswerError(
            f"{where} sent a reply without choices[0].message; check that it speaks /v1/chat/completions"
        )
    return Completion(
        text=_storable(_join_content(message.get("content"))),
        finish_reason=str(choice.get("finish_reason") or "stop"),
        refusal=_storable(str(message.get("refusal") or "")),
        model=_storable(str(body.get("model") or ""))[:SHOWN_CHARS],
        usage=_read_usage(body.get("usage")),
        tokens=read_tokens(choice),
    )


def _join_content(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _storable(text: str) -> str:
    """Without NUL and lone surrogates, which JSON can carry and no database takes."""
    return text.replace("\x00", "\ufffd").encode("utf-8", errors="replace").decode("utf-8")


def _read_usage(usage: Any) -> TokenUsage:
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else usage.get("prompt_cache_hit_tokens")
    tokens_in = _count(usage.get("prompt_tokens"))
    return TokenUsage(
        tokens_in=tokens_in,
        tokens_out=_count(usage.get("completion_tokens")),
        tokens_cached=min(_count(cached), tokens_in),
    )


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _say(body: Any, response: RawResponse, secret: SecretStr | None) -> str:
    """All that the server says of the error, in one line without the key; of a redirect, where it leads."""
    if 300 <= response.status < 400:
        body = {"message": f"to {_lead_of(response.headers.get('location', ''))}"}
    error = body.get("error", body) if isinstance(body, dict) else None
    if isinstance(error, dict):
        parts = [error.get(key) for key in ("message", "detail", "code", "type", "param")]
        said = " | ".join(str(part) for part in parts if part)
    else:
        said = str(error or response.text)
    said = _UNPRINTABLE.sub("\ufffd", _storable(" ".join(said.split())))
    return said.replace(secret.get_secret_value(), "[key]") if secret else said


def _lead_of(location: str) -> str:
    """Scheme and host of a redirect; its path and query may hold what nobody should read."""
    try:
        target = urlsplit(location)
    except ValueError:
        return "no address"
    return f"{target.scheme}://{target.netloc.rpartition('@')[2]}" if target.netloc else "another path"


def _error_for(response: RawResponse, endpoint: Endpoint, *, said: str) -> LabelerError:
    status, named = response.status, said.lower()
    where = f"endpoint {endpoint.name!r} ({endpoint.shown_url})"
    shown = said[:SHOWN_CHARS]
    if status in (400, 403) and _FILTERED.search(named):
        return RejectedError(f"{where} filtered the request: {shown}", "content_filter", named=named)
    if status in (401, 403) or (status == 400 and _NO_KEY.search(named)):
        key = f"environment variable {endpoint.api_key_env}" if endpoint.api_key_env else "no key at all"
        return TerminalError(
            f"{where} refused the key ({status}; it was read from {key}); set one that may use {endpoint.model!r}"
        )
    if status == 404 or (status == 400 and _NO_MODEL.search(named)):
        unknown = f"knows no model {endpoint.model!r} or has no /chat/completions"
        return TerminalError(f"{where} {unknown} ({status}: {shown}); correct model or base_url")
    if status == 402 or (status == 429 and _QUOTA.search(named)):
        return TerminalError(f"{where} has no credit left ({status}: {shown}); top the account up, then run again")
    if 300 <= status < 400:
        return TerminalError(
            f"{where} redirects ({status}: {shown}), where neither key nor texts are sent; correct base_url"
        )
    wait = retry_after(response.headers)
    if status == 429 or (status == 503 and wait is not None):
        return BusyError(f"{where} asks to wait ({status}: {shown})", wait)
    if status in (408, 409, 425) or (status >= 500 and status != 501):
        return NoAnswerError(f"{where} answered {status}: {shown}")
    if status in (400, 413, 422):
        code: Literal["too_long", "rejected"] = "too_long" if status == 413 or _TOO_LONG.search(named) else "rejected"
        return RejectedError(f"{where} rejected the request ({status}: {shown})", code, named=named)
    return TerminalError(f"{where} answered {status}: {shown}; check that base_url is right")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a response asks to wait, None where it does not say.

    A date is measured against the response's own `date`, so that a wrong clock here does no harm.
    """
    try:
        if "retry-after-ms" in headers:
            wait = float(headers["retry-after-ms"]) / 1000
            return None if math.isnan(wait) else max(wait, 0.0)
        value = headers.get("retry-after", "")
        if not value:
            return None
        if re.fullmatch(r"\s*\d+(\.\d+)?\s*", value):
            return float(value)
        sent = parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.now(UTC)
        return max((parsedate_to_datetime(value) - sent).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None
