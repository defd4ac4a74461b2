"""The openai labeler at a scripted server: items and users to ask about, and scripts that answer each question by its text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import SecretStr

from tasks.labelers.openai import OpenAILabeler
from tasks.labelers.protocol import (
    ItemText,
    TopicDefinition,
    UserText,
)
from tasks.llm.types import Endpoint
from tests.llm.fake_server import Answer, FakeServer, Request, Script, completion
from tests.llm.shouting import endpoint_of

TAXONOMY = (
    TopicDefinition("Sport", "Games and matches", "Not video games", ("Cup final tonight",)),
    TopicDefinition("Tech", "Computers and phones"),
)
QUIET = Endpoint(name="none", model="gpt-4o-mini")


def item(n: int, text: str = "") -> ItemText:
    """Item n, whose number is in its title."""
    return ItemText(f"item-key-{n}", f"Title {n}", text or f"Text of {n}", "An Author")


def user(n: int) -> UserText:
    """User n, who has read item 900."""
    return UserText(
        f"user-key-{n}", f"Person {n}", ("chess", "go"), ("hiking",), ("welding",), "nurse", history=(item(900),)
    )


def labeler_of(server: FakeServer, **values: Any) -> OpenAILabeler:
    """The labeler that asks this server; values are its options."""
    defaults: dict[str, Any] = {"taxonomy": TAXONOMY, "api_key": SecretStr("sk-test")}
    return OpenAILabeler(endpoint_of(server, usd_per_million_in=1.0), **{**defaults, **values})


def questions_of(request: Request) -> list[str]:
    """The fenced texts but the profile."""
    return [text for text in request.fenced if not text.startswith("Summary: Person")]


def replying(answer: Callable[[int, str], dict[str, Any]]) -> Script:
    """A script that answers each fenced question by its text."""

    def script(request: Request) -> Answer:
        rows = [{"number": n, **answer(n, text)} for n, text in enumerate(questions_of(request), start=1)]
        return completion({"answers": rows})

    return script


def grade_by_number(n: int, text: str) -> dict[str, Any]:
    """A grade that can be told from the title alone: the number in it modulo 4."""
    return {"reason": "so", "relevance": int(re.findall(r"Title (\d+)", text)[0]) % 4, "confidence": 0.8}


def by_key(replies: Iterator[Any]) -> dict[str, Any]:
    """The replies by the keys of their questions."""
    return {reply.key: reply for reply in replies}
