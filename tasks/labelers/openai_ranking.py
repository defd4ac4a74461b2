"""The fifth question as a form of the engine: put a list of items in order for one user.

Pure once built; building reads prompts/rank.md. A list and the same list the other way round never share a request: a
model that sees both may repeat itself, and nothing could be learned of how places move it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.labelers.openai_forms import PromptForm, show_item, show_user
from tasks.labelers.openai_schemas import RankReply
from tasks.labelers.protocol import RankAnswer, RankQuestion
from tasks.llm.errors import InvalidReplyError
from tasks.llm.hostile import Data
from tasks.llm.prompts import PromptTemplate, load_prompt
from tasks.llm.redact import NO_REDACTION, Redaction
from tasks.llm.schema import build_schema

NOTHING_KNOWN = Data.of(summary="Nothing is known of this person.")

RankForm = PromptForm[RankQuestion, RankReply, RankAnswer]
Reader = Callable[[RankReply, RankQuestion], RankAnswer]


def read_order(reply: RankReply, question: RankQuestion) -> RankAnswer:
    """The rank of each item, in the order in which they were shown; raises InvalidReplyError where the order is none.

    An order [3, 1, 2] puts the third item first: ranks (2, 3, 1).
    """
    n_items = len(question.items)
    unknown = [number for number in reply.order if not 1 <= number <= n_items]
    twice = sorted({number for number in reply.order if reply.order.count(number) > 1})
    missing = sorted(set(range(1, n_items + 1)) - set(reply.order))
    if unknown:
        raise InvalidReplyError(
            f"answer {reply.number}: order holds {unknown[0]}; the items of list {reply.number} are numbered 1 to {n_items}"
        )
    if twice:
        raise InvalidReplyError(
            f"answer {reply.number}: order holds {twice[0]} twice; give each item exactly one place"
        )
    if missing:
        left = ", ".join(map(str, missing))
        raise InvalidReplyError(f"answer {reply.number}: order leaves out {left}; give every item of the list a place")
    places = {number: place for place, number in enumerate(reply.order, start=1)}
    ranks = tuple(places[number] for number in range(1, n_items + 1))
    return RankAnswer(ranks, reply.confidence, reply.reason)


def read_known(reply: RankReply, question: RankQuestion) -> RankAnswer:
    """What can be used of an order: items get ranks as they are named first, those that are not named 0.

    Numbers of no item, and an item's second place, are dropped and counted. Raises InvalidReplyError where nothing is left.
    An order [3, 9, 3, 1] of three items puts the third first: ranks (2, 0, 1), one number invented and one repeated.
    """
    n_items = len(question.items)
    named = [number for number in reply.order if 1 <= number <= n_items]
    places = {number: place for place, number in enumerate(dict.fromkeys(named), start=1)}
    if not places:
        raise InvalidReplyError(
            f"answer {reply.number}: order names no item of list {reply.number}; its items are numbered 1 to {n_items}"
        )
    return RankAnswer(
        ranks=tuple(places.get(number, 0) for number in range(1, n_items + 1)),
        confidence=reply.confidence,
        reason=reply.reason,
        n_invented=len(reply.order) - len(named),
        n_repeated=len(named) - len(places),
    )


def build_rank_form(prompts_dir: Path, *, redaction: Redaction = NO_REDACTION, read: Reader = read_order) -> RankForm:
    """Order lists for one user; all lists of a request are about the same one. read: what becomes of an order."""
    file = load_prompt(prompts_dir / "rank.md")
    template = PromptTemplate(file, schema=build_schema(RankReply, {}), shared={}, redaction=redaction)

    def describe(question: RankQuestion) -> Mapping[str, Any]:
        return {
            "shown": [show_item(redaction, item, topics=(item.topic,) if item.topic else ()) for item in question.items]
        }

    def share(questions: Sequence[RankQuestion]) -> Mapping[str, Any]:
        return {"profile": show_user(redaction, questions[0].user) or NOTHING_KNOWN}

    return PromptForm(template, RankReply, describe, read, tokens_per_answer=70, share=share, group_of=_group_of)


def _group_of(question: RankQuestion) -> str:
    is_forward = question.items[0].key < question.items[-1].key
    return f"{question.user.key}|{'forward' if is_forward else 'backward'}"
