"""A reply's key holds all that changes the answer, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tasks.llm.cache import reply_key
from tasks.llm.types import Endpoint, Prompt, Sampling, TokenUsage

ENDPOINT = Endpoint(name="a", model="m", base_url="https://llm.example/v1")
PROMPT = Prompt("system", "user", "shout", {"type": "object"}, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "n"},
        {"base_url": "https://other.example/v1"},
        {"provider": "p"},
        {"sampling": Sampling(temperature=0.5)},
        {"sampling": Sampling(seed=1)},
        {"sampling": Sampling(max_output_tokens=9)},
        {"sampling": Sampling(extra={"reasoning_effort": "low"})},
    ],
)
def test_what_changes_the_answer_changes_the_key(change: dict[str, Any]) -> None:
    assert reply_key(ENDPOINT.model_copy(update=change), PROMPT) != reply_key(ENDPOINT, PROMPT)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "b"},
        {"api_key_env": "OTHER"},
        {"timeout_seconds": 1.0},
        {"max_in_flight": 1},
        {"usd_per_million_in": 3.0},
        {"base_url": "https://LLM.example/v1/"},
        {"base_url": "http://user:word@llm.example/v1"},
    ],
)
def test_what_does_not_change_the_answer_does_not_change_the_key(change: dict[str, Any]) -> None:
    assert reply_key(ENDPOINT.model_copy(update=change), PROMPT) == reply_key(ENDPOINT, PROMPT)


@pytest.mark.parametrize("change", [{"system": "x"}, {"user": "x"}, {"schema": {}}, {"schema_name": "x"}])
def test_another_prompt_has_another_key(change: dict[str, Any]) -> None:
    assert reply_key(ENDPOINT, replace(PROMPT, **change)) != reply_key(ENDPOINT, PROMPT)


def test_a_named_provider_may_move() -> None:
    here, there = (Endpoint(name="a", model="m", base_url=f"http://host{n}/v1", provider="lab") for n in (1, 2))
    assert reply_key(here, PROMPT) == reply_key(there, PROMPT)


def test_cached_tokens_have_their_own_price() -> None:
    usage = TokenUsage(1, tokens_in=1_000_000, tokens_out=500_000, tokens_cached=400_000)
    priced = ENDPOINT.model_copy(update={"usd_per_million_in": 1.0, "usd_per_million_out": 4.0})
    assert priced.cost_usd(usage) == pytest.approx(3.0)
    assert priced.model_copy(update={"usd_per_million_cached": 0.5}).cost_usd(usage) == pytest.approx(2.8)
    assert (ENDPOINT.cost_usd(usage), ENDPOINT.is_priced) == (0.0, False)


def test_credentials_in_a_url_are_not_shown() -> None:
    with_password = Endpoint(name="a", model="m", base_url="https://user:word@llm.example/v1")
    assert with_password.shown_url == "https://llm.example/v1"
