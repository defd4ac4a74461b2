"""One cheap question to an endpoint: does it answer, in which form, and what else does it offer?"""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass
from typing import Annotated

import httpx2
import openai
from pydantic import Field, SecretStr

from tasks.llm.asking import ask
from tasks.llm.bounds import decode_body
from tasks.llm.budget import Budget
from tasks.llm.client import ChatClient
from tasks.llm.dialect import Format, KnownDialects
from tasks.llm.errors import NoAnswerError
from tasks.llm.pace import Pace
from tasks.llm.rates import RateLimits
from tasks.llm.schema import NumberedAnswer, Words, build_schema
from tasks.llm.structured import read_answers
from tasks.llm.transport import LOST, make_client
from tasks.llm.types import Completion, Endpoint, Prompt, TokenUsage


class _Colour(NumberedAnswer):
    """The answer to the probe."""

    colour: Annotated[Words, Field(description="one word")]


PROBE = Prompt(
    system='You name colours. Form of the reply: {"answers": [{"number": 1, "colour": "..."}]}',
    user="Question 1\nWhich colour has the sky on a clear day? Reply with one JSON object in the form above.",
    schema_name="probe",
    schema=build_schema(_Colour, {}),
    n_questions=1,
)


@dataclass(frozen=True)
class ProbeResult:
    """What an endpoint is: the model that answered, the reply format it understands, tokens of the question, the limits
    that its headers state, whether it tells the probabilities of tokens, whether it has a Batch API, and how long the reply
    took."""

    model: str
    format: Format
    usage: TokenUsage
    limits: RateLimits
    has_logprobs: bool
    has_batches: bool
    seconds: float


def probe(endpoint: Endpoint, *, api_key: SecretStr | None = None) -> ProbeResult:
    """Ask one question, and once more if the first reply is invalid; raises LabelerError if no usable answer comes."""
    return asyncio.run(_probe(endpoint, api_key))


async def _probe(endpoint: Endpoint, api_key: SecretStr | None) -> ProbeResult:
    endpoint = endpoint.model_copy(update={"wants_logprobs": True})
    has_logprobs = False

    def read(completion: Completion) -> list[_Colour]:
        nonlocal has_logprobs
        has_logprobs = bool(completion.tokens)
        return read_answers(completion.text, _Colour, n_questions=1)

    pace, known = Pace(endpoint), KnownDialects.of(endpoint)
    client = ChatClient(endpoint, pace, api_key=api_key, known=known, budget=Budget(), rng=random.Random(0))
    began = time.monotonic()
    try:
        asked = await ask(client, PROBE, read=read)
    finally:
        await client.close()
    seconds = time.monotonic() - began
    if asked.trouble is not None:
        raise NoAnswerError(f"endpoint {endpoint.name!r} gave no usable answer: {asked.trouble.reason}")
    return ProbeResult(
        model=asked.model or endpoint.model,
        format=known.first.format,
        usage=asked.usage,
        limits=pace.limits,
        has_logprobs=has_logprobs,
        has_batches=await _has_batches(endpoint, api_key),
        seconds=seconds,
    )


async def _has_batches(endpoint: Endpoint, api_key: SecretStr | None) -> bool:
    client = make_client(endpoint, api_key)
    try:
        async with asyncio.timeout(endpoint.timeout_seconds):
            listed = await client.get("/batches?limit=1", cast_to=httpx2.Response)
        body = json.loads(decode_body(listed.content))
    except (openai.APIError, *LOST, TimeoutError, ValueError, RecursionError):
        return False
    finally:
        await client.close()
    return isinstance(body, dict) and isinstance(body.get("data"), list)
