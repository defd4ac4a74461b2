"""What asking would take, before it is asked. Pure but for looking into the reply store."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from tasks.llm.cache import ReplyStore, reply_key
from tasks.llm.types import Endpoint, Prompt, TokenUsage

BYTES_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4


@dataclass(frozen=True)
class Estimate:
    """Requests to be sent and what they would cost; `stored` more are answered from the store for nothing.

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


def count_tokens(text: str) -> int:
    """About how many tokens a text has: a quarter of its UTF-8 bytes, rounded up.

    Four characters a token is the usual rule for English; counting bytes gives the same there, and keeps other
    scripts, where a character is a token or more, from being taken for cheap. Real counts come with the replies.
    """
    return -(-len(text.encode("utf-8", errors="replace")) // BYTES_PER_TOKEN)


def estimate(
    prompts: Iterable[Prompt], endpoint: Endpoint, *, tokens_per_answer: int, store: ReplyStore | None = None
) -> Estimate:
    """Sum up prompts, each distinct one once; no discount for cached tokens, so it errs on the dear side."""
    sample: Prompt | None = None
    seen: set[str] = set()
    requests = questions = stored = tokens_in = tokens_out = 0
    for prompt in prompts:
        sample = sample or prompt
        key = reply_key(endpoint, prompt)
        if key in seen:
            continue
        seen.add(key)
        if store is not None and store.get(key) is not None:
            stored += 1
            continue
        requests += 1
        questions += prompt.n_questions
        texts = (prompt.system, prompt.user, json.dumps(prompt.schema))
        tokens_in += sum(count_tokens(text) for text in texts) + TOKENS_PER_MESSAGE * len(prompt.messages)
        tokens_out += tokens_per_answer * prompt.n_questions
    cost = endpoint.cost_usd(TokenUsage(requests, tokens_in, tokens_out))
    return Estimate(requests, questions, stored, tokens_in, tokens_out, cost, endpoint.is_priced, sample)
