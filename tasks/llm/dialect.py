"""What a server understands of a request: found out once by what it refuses, then remembered.

A request starts with all we would like (`json_schema`, temperature, seed, log-probabilities, a token limit). A refusal
that names one of these takes it away; a refusal that names nothing tries the next reply format as long as none has worked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tasks.llm.errors import RejectedError
from tasks.llm.types import Endpoint, Message, Prompt, Sampling

Format = Literal["json_schema", "json_object", "text"]
_NEXT_FORMAT: Mapping[Format, Format] = {"json_schema": "json_object", "json_object": "text"}
_NAMES_FORMAT = re.compile(r"response_format|json_schema|json_object|json mode|schema|structured|guided|grammar")
_LIMITS = ("max_completion_tokens", "max_tokens")


@dataclass(frozen=True)
class Dialect:
    """The reply format, the name of the token limit, and the parameters that the server refuses."""

    format: Format = "json_schema"
    limit_name: str = "max_completion_tokens"
    dropped: frozenset[str] = frozenset()


@dataclass
class KnownDialects:
    """What is known of one endpoint, by schema: the dialects that have worked. Lives as long as the engine."""

    first: Dialect
    proven: dict[str, Dialect] = field(default_factory=dict)

    @classmethod
    def of(cls, endpoint: Endpoint) -> KnownDialects:
        """Begin with what OpenAI takes; others know the token limit by its older name."""
        is_openai = "api.openai.com" in endpoint.base_url
        return cls(Dialect(limit_name=_LIMITS[0] if is_openai else _LIMITS[1]))

    def learn(self, schema_name: str, dialect: Dialect) -> None:
        """Remember what has worked; the first request of another schema starts there."""
        self.proven[schema_name] = self.first = dialect


def next_dialect(dialect: Dialect, refusal: RejectedError, *, is_proven: bool) -> Dialect | None:
    """The dialect to try after a refusal; None when the refusal is about the question, not about how it was asked."""
    if refusal.code != "rejected":
        return None
    for name in ("temperature", "seed", "logprobs"):
        if name in refusal.named and name not in dialect.dropped:
            return replace(dialect, dropped=dialect.dropped | {name})
    if dialect.limit_name in refusal.named and dialect.limit_name not in dialect.dropped:
        other = _LIMITS[1] if dialect.limit_name == _LIMITS[0] else _LIMITS[0]
        return replace(dialect, limit_name=other, dropped=dialect.dropped | {dialect.limit_name})
    names_format = _NAMES_FORMAT.search(refusal.named)
    if dialect.format in _NEXT_FORMAT and (names_format or not is_proven):
        return replace(dialect, format=_NEXT_FORMAT[dialect.format])
    return None


def build_body(endpoint: Endpoint, prompt: Prompt, messages: list[Message], *, dialect: Dialect) -> dict[str, Any]:
    """The JSON body of a chat completion request in `dialect`; without a schema there, the instructions carry it."""
    sampling = endpoint.sampling
    wishes = {
        "temperature": sampling.temperature,
        "seed": seed_of(sampling, prompt),
        "logprobs": endpoint.wants_logprobs or None,
        dialect.limit_name: sampling.max_output_tokens,
    }
    body: dict[str, Any] = {"model": endpoint.model, "messages": messages, **sampling.extra}
    body |= {name: value for name, value in wishes.items() if value is not None and name not in dialect.dropped}
    if dialect.format == "json_schema":
        schema = {"name": prompt.schema_name, "strict": True, "schema": prompt.schema}
        return body | {"response_format": {"type": "json_schema", "json_schema": schema}}
    body["messages"] = [_describe_schema(messages[0], prompt), *messages[1:]]
    return body | ({"response_format": {"type": "json_object"}} if dialect.format == "json_object" else {})


def seed_of(sampling: Sampling, prompt: Prompt) -> int | None:
    """The endpoint's own seed; another one for each further asking of the same questions, or they would be answered alike."""
    return sampling.seed if not prompt.sample else (sampling.seed or 0) + prompt.sample


def _describe_schema(system: Message, prompt: Prompt) -> Message:
    schema = json.dumps(prompt.schema, ensure_ascii=False, separators=(",", ":"))
    told = f"Reply with one JSON object and nothing else. It must fit this JSON schema:\n{schema}"
    return {**system, "content": f"{system['content']}\n\n{told}"}
