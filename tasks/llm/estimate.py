"""What asking would take, before it is asked. Pure but for looking into the reply store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from tasks.llm.batching import Batcher
from tasks.llm.cache import Keys, ReplyStore
from tasks.llm.form import Form
from tasks.llm.types import Endpoint, Prompt, TokenUsage

Q = TypeVar("Q")
A = TypeVar("A")

BYTES_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4


@dataclass(frozen=True)
class Estimate:
    """Requests to be sent for `questions`, and what they would cost; `stored` more are answered for nothing.

    is_priced False means that the endpoint states no price, so that cost_usd 0 says nothing. sample is the first
    prompt of all, stored or not.
    """

    requests: int = 0
    questions: int = 0
    stored: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    is_priced: bool = False
    sample: Prompt | None = None


def count_tokens(prompt: Prompt) -> int:
    """About how many tokens a prompt and its schema have: a quarter of their UTF-8 bytes.

    Four characters a token is the usual rule for English; counting bytes gives the same there, and keeps other
    scripts, where a character is a token or more, from being taken for cheap. Real counts come with the replies.
    """
    return -(-prompt.n_bytes // BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE * len(prompt.messages)


def estimate(
    form: Form[Q, A], questions: Iterable[Q], endpoint: Endpoint, *, size: int, store: ReplyStore | None = None
) -> Estimate:
    """Sum up the prompts, each distinct question once; no discount for cached tokens, so it errs on the dear side."""
    keys, seen = Keys(endpoint), set[bytes]()
    batcher: Batcher[Q] = Batcher(size, form.group)
    found = Estimate(is_priced=endpoint.is_priced)
    for question in questions:
        prompt = form.render([question])
        found = found if found.sample else replace(found, sample=prompt)
        key = keys.of(prompt)
        digest = bytes.fromhex(key)[:16]
        if digest in seen:
            continue
        seen.add(digest)
        if store is not None and store.get([key]):
            found = replace(found, stored=found.stored + 1)
        elif batch := batcher.add(question):
            found = _add(found, form, batch)
    while batch := batcher.take_oldest():
        found = _add(found, form, batch)
    usage = TokenUsage(found.requests, found.tokens_in, found.tokens_out)
    return replace(found, cost_usd=endpoint.cost_usd(usage))


def _add(found: Estimate, form: Form[Q, A], batch: Sequence[Q]) -> Estimate:
    prompt = form.render(batch)
    is_first = found.requests == 0
    return replace(
        found,
        requests=found.requests + 1,
        questions=found.questions + len(batch),
        tokens_in=found.tokens_in + count_tokens(prompt),
        tokens_out=found.tokens_out + form.tokens_per_answer * len(batch),
        sample=prompt if is_first else found.sample,
    )
