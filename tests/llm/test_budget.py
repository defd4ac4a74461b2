"""A budget is kept to the cent, however many requests are in flight."""

from __future__ import annotations

import asyncio

import pytest

from tasks.contracts.errors import ConfigError, UnfinishedError
from tasks.llm.budget import Budget, dearest_case
from tasks.llm.cache import MemoryStore
from tasks.llm.engine import Engine
from tasks.llm.types import Endpoint, Prompt, Sampling
from tests.llm.fake_server import Answer, FakeServer, Request, completion, error
from tests.llm.shouting import ShoutForm, endpoint_of, numbered, shouts, words_of

FORM = ShoutForm()
# A reply of the server costs 100 tokens in, 60 of them cached, and 10 out.
PRICES = {"usd_per_million_in": 10.0, "usd_per_million_out": 100.0, "usd_per_million_cached": 5.0}
COST = (40 * 10 + 60 * 5 + 10 * 100) / 1_000_000


def slow(request: Request) -> Answer:
    return completion(shouts(words_of(request)), delay_seconds=0.02)


def ask_until_spent(server: FakeServer, budget: Budget, **values: object) -> tuple[int, MemoryStore]:
    """How many answers came before the budget was reached, and what was stored."""
    store, n_answers = MemoryStore(), 0
    endpoint = endpoint_of(server, max_in_flight=64, **{**PRICES, **values})
    with pytest.raises(UnfinishedError, match="the budget is reached"):
        for outcome in Engine(endpoint, store=store, budget=budget).ask(FORM, numbered(1000)):
            n_answers += outcome.answer is not None
    return n_answers, store


def test_requests_are_counted_before_they_are_sent() -> None:
    with FakeServer(slow) as server:
        n_answers, store = ask_until_spent(server, Budget(max_requests=70))
    assert len(server.requests) == n_answers == len(store) == 70


@pytest.mark.parametrize("n_affordable", [1.5, 20.3, 150.9])
def test_money_is_never_overspent_and_nearly_all_of_it_is_used(n_affordable: float) -> None:
    limit = n_affordable * COST
    sampling = Sampling(max_output_tokens=10)
    with FakeServer(slow) as server:
        budget = Budget(max_cost_usd=limit + 0.005)
        n_answers, _ = ask_until_spent(server, budget, sampling=sampling)
        prompt = FORM.render(["word999"])
        endpoint = endpoint_of(server, sampling=sampling, **PRICES)
        dearest = dearest_case(endpoint, prompt, prompt.messages, tokens_out=0)
    assert len(server.requests) == n_answers
    assert budget.cost_usd == pytest.approx(n_answers * COST)
    assert limit + 0.005 - dearest - COST < budget.cost_usd <= limit + 0.005


def test_retries_count() -> None:
    with FakeServer(lambda r: error(500, "boom") if r.n % 2 else slow(r)) as server:
        n_answers, _ = ask_until_spent(server, Budget(max_requests=41))
    assert len(server.requests) == 41
    assert n_answers <= 21


def test_a_reply_that_never_came_counts_as_its_dearest_case() -> None:
    budget = Budget(max_cost_usd=1.0)
    endpoint_values = {**PRICES, "timeout_seconds": 0.1, "max_attempts": 2}
    with FakeServer(lambda _: completion("late", delay_seconds=0.4)) as server:
        endpoint = endpoint_of(server, **endpoint_values)
        list(Engine(endpoint, budget=budget).ask(FORM, numbered(1)))
        prompt = FORM.render(["word0"])
        dearest = dearest_case(endpoint, prompt, prompt.messages, tokens_out=FORM.tokens_per_answer)
    assert budget.cost_usd == pytest.approx(2 * dearest)


def test_a_budget_without_a_price_is_refused() -> None:
    with pytest.raises(ConfigError, match="endpoint 'a' states no price; set price_in and price_out"):
        Engine(Endpoint(name="a", model="m"), budget=Budget(max_cost_usd=1.0))


def test_the_dearest_case_is_bounded_by_bytes_and_the_token_limit() -> None:
    endpoint = Endpoint(name="a", model="m", sampling=Sampling(max_output_tokens=50), **PRICES)
    prompt = Prompt("é" * 10, "u" * 10, "s", {}, 1)
    # 20 + 10 + 2 bytes of texts and schema, 8 for the one message that is counted here, 50 out.
    assert dearest_case(endpoint, prompt, prompt.messages[:1], tokens_out=7) == pytest.approx(
        (40 * 10 + 50 * 100) / 1_000_000
    )


def test_whoever_waits_for_a_settlement_goes_on_when_it_comes() -> None:
    async def scene() -> list[str]:
        budget, seen = Budget(max_cost_usd=1.0), []
        first = await budget.reserve(0.9)

        async def second() -> None:
            await budget.reserve(0.5)
            seen.append("second")

        waiting = asyncio.create_task(second())
        await asyncio.sleep(0)
        seen.append("settled")
        budget.settle(first, cost_usd=0.4)
        await waiting
        with pytest.raises(UnfinishedError):
            # Half is reserved, 0.4 spent: nothing in flight here could be waited for in vain, for it is the test's.
            budget.settle(await budget.reserve(0.05), cost_usd=0.1)
            budget._n_open = 0
            await budget.reserve(0.2)
        return seen

    assert asyncio.run(scene()) == ["settled", "second"]
