"""Request bodies as our own client would send them, and the reading of what comes back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import openai
from pydantic import Field

from tasks.llm.dialect import Dialect, Format, build_body
from tasks.llm.errors import InvalidReplyError
from tasks.llm.fake.faults import Faults
from tasks.llm.fake.provider import CHAT_PATH, FakeProvider
from tasks.llm.fake.replies import FakeResponse
from tasks.llm.fake.server import LoopbackServer
from tasks.llm.hostile import Data, Fence
from tasks.llm.schema import NumberedAnswer, Probability, Words, build_schema
from tasks.llm.structured import read_answers
from tasks.llm.types import Endpoint, Prompt

TOPICS = {"sport": "Matches, athletes and clubs.", "tech": "Software, phones, networks."}


class Filed(NumberedAnswer):
    """One filed item."""

    reason: Annotated[Words, Field(description="one short sentence")]
    topic: Words
    confidence: Annotated[Probability, Field(description="the probability, from 0 to 1")]


SCHEMA = build_schema(Filed, {"topic": list(TOPICS)})


def prompt_of(texts: Sequence[str], *, system: str = "") -> Prompt:
    """A prompt in the manner of ours: a stated number of questions between marks."""
    items = [Data.of(text=text) for text in texts]
    fence = Fence.around(items)
    asked = "\n\n".join(f"Item {n}\n{fence.wrap(item)}" for n, item in enumerate(items, start=1))
    described = "".join(f"### {name}\n{text}\n" for name, text in TOPICS.items())
    user = f"Items to file: {len(items)}, numbered from 1.\n\n{asked}"
    return Prompt(system or f"You file items.\n{described}", user, "filed", SCHEMA, len(items))


def body_of(texts: Sequence[str], *, dialect: Format = "json_schema", model: str = "fake", **more: Any) -> Any:
    """The JSON body that asks about `texts`."""
    prompt = prompt_of(texts, system=more.pop("system", ""))
    endpoint = Endpoint(name="fake", model=model)
    body = build_body(endpoint, prompt, prompt.messages, dialect=Dialect(format=dialect))
    return json.loads(json.dumps({**body, **more}))


def ask(provider: FakeProvider, texts: Sequence[str], *, now: float = 0.0, **more: Any) -> FakeResponse:
    """The response to one request, without a socket."""
    body = json.dumps(body_of(texts, **more)).encode()
    provider.begin(CHAT_PATH, now=now)
    response = provider.answer("POST", CHAT_PATH, {}, body, now)
    provider.end("POST", CHAT_PATH, response, arrived_at=now, now=now)
    return response


def message_of(response: FakeResponse) -> Any:
    """The message of a completion."""
    return json.loads(response.body)["choices"][0]["message"]


def answers_of(provider: FakeProvider, texts: Sequence[str], **more: Any) -> list[Filed]:
    """The checked answers to one request, with their numbers."""
    return read_filed(message_of(ask(provider, texts, **more))["content"], len(texts))


def read_filed(text: str, n_questions: int) -> list[Filed]:
    """What our client would believe of a reply; raises InvalidReplyError."""
    answers = read_answers(text, Filed, n_questions=n_questions)
    for answer in answers:
        if answer.topic not in TOPICS:
            raise InvalidReplyError(f"unknown topic {answer.topic!r}")
    return answers


def is_answered(response: FakeResponse, n_questions: int) -> bool:
    """Whether a response holds a valid answer to every question."""
    if response.status != 200:
        return False
    try:
        read_filed(message_of(response)["content"] or "", n_questions)
    except InvalidReplyError:
        return False
    return True


def serve(**faults: Any) -> LoopbackServer:
    """A server with these faults."""
    return LoopbackServer(FakeProvider(seed=7, faults=Faults(**faults)))


def client_of(server: LoopbackServer) -> openai.OpenAI:
    """OpenAI's own client, which tries nothing again."""
    return openai.OpenAI(api_key="sk-any", base_url=server.url, max_retries=0, timeout=10)
