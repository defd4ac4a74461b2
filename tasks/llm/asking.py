"""Asking one prompt until there is a checked value or a trouble that says why not; touches only the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from tasks.llm.client import ChatClient
from tasks.llm.errors import BusyError, InvalidReplyError, NoAnswerError, RejectedError
from tasks.llm.types import NOTHING_USED, Completion, Message, Meter, Prompt, TokenUsage, Trouble

T = TypeVar("T")

REPEATED_CHARS = 4000


@dataclass(frozen=True)
class Asked(Generic[T]):
    """What asking one prompt brought: a value and the reply it was read from, or the trouble; and what it cost."""

    value: T | None
    text: str = ""
    model: str = ""
    trouble: Trouble | None = None
    usage: TokenUsage = NOTHING_USED
    attempts: int = 1


async def ask(client: ChatClient, prompt: Prompt, *, read: Callable[[Completion], T], tokens_out: int = 0) -> Asked[T]:
    """Ask a prompt, and once more with what was wrong when `read` raises InvalidReplyError.

    tokens_out is about how long the reply will be. A refusal and a cut-off are not asked again: the same question would
    be refused or cut off again. Raises TerminalError, UnfinishedError and Stopped; every other trouble is a value.
    """
    meter = Meter()
    messages, complaint, raw = prompt.messages, "", ""
    for attempt in (1, 2):
        try:
            completion = await client.complete(prompt, messages, meter=meter, tokens_out=tokens_out)
        except (BusyError, NoAnswerError, RejectedError) as error:
            code = "rate_limited" if isinstance(error, BusyError) else error.code
            return Asked(None, trouble=Trouble(code, str(error), raw), usage=meter.usage, attempts=attempt)
        if trouble := find_trouble(completion):
            return Asked(None, trouble=trouble, usage=meter.usage, attempts=attempt)
        raw = completion.text
        try:
            value = read(completion)
        except InvalidReplyError as error:
            complaint = str(error)
            messages = prompt.messages + _complain(raw, complaint, n_questions=prompt.n_questions)
            continue
        return Asked(value, text=raw, model=completion.model, usage=meter.usage, attempts=attempt)
    return Asked(None, trouble=Trouble("invalid_reply", complaint, raw), usage=meter.usage, attempts=2)


def find_trouble(completion: Completion) -> Trouble | None:
    """Why a completion can't hold an answer, None if it may."""
    if completion.refusal:
        return Trouble("refused", completion.refusal[:300], completion.text or completion.refusal)
    if completion.finish_reason == "content_filter":
        return Trouble("content_filter", "the server's filter stopped the reply", completion.text)
    if completion.finish_reason == "length":
        return Trouble("cut_off", "the reply ended at the token limit; raise max_output_tokens", completion.text)
    return None


def _complain(raw: str, complaint: str, *, n_questions: int) -> list[Message]:
    asked = "the question" if n_questions == 1 else f"all {n_questions} questions"
    return [
        {"role": "assistant", "content": raw[:REPEATED_CHARS] or "(empty)"},
        {
            "role": "user",
            "content": f"That reply can't be used: {complaint}. Answer {asked} again, "
            'with only the JSON object {"answers": [...]} in the form that was asked for.',
        },
    ]
