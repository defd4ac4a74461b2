"""What asking would take, said beforehand."""

from __future__ import annotations

import pytest

from tasks.llm.cache import MemoryStore, StoredReply, reply_key
from tasks.llm.engine import Engine
from tasks.llm.estimate import count_tokens
from tasks.llm.types import Endpoint, Prompt
from tests.llm.shouting import ShoutForm

ENDPOINT = Endpoint(name="a", model="m", usd_per_million_in=1.0, usd_per_million_out=10.0)


@pytest.mark.parametrize(("user", "tokens"), [("", 1), ("ab", 1), ("abc", 2), ("日本語", 3)])
def test_tokens_are_a_quarter_of_the_bytes(user: str, tokens: int) -> None:
    # Two bytes are the schema's, and two messages take four tokens each.
    assert count_tokens(Prompt("", user, "none", {}, 1)) == tokens + 8


def test_requests_tokens_and_cost_are_summed_and_identical_prompts_count_once() -> None:
    estimate = Engine(ENDPOINT).estimate(ShoutForm(), ["a", "b", "c", "c"], size=2)
    assert (estimate.requests, estimate.questions, estimate.stored, estimate.tokens_out) == (2, 3, 0, 30)
    assert estimate.cost_usd == pytest.approx((estimate.tokens_in + 10 * estimate.tokens_out) / 1_000_000)
    assert estimate.is_priced
    assert estimate.sample == ShoutForm().render(["a", "b"])


def test_stored_replies_cost_nothing() -> None:
    store, form = MemoryStore(), ShoutForm()
    store.put([(reply_key(ENDPOINT, form.render(["a"])), StoredReply("{}"))])
    estimate = Engine(ENDPOINT, store=store).estimate(form, ["a", "b"])
    assert (estimate.requests, estimate.stored) == (1, 1)


def test_nothing_due_costs_nothing() -> None:
    estimate = Engine(ENDPOINT).estimate(ShoutForm(), [])
    assert (estimate.requests, estimate.cost_usd, estimate.sample) == (0, 0.0, None)
