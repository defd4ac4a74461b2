"""What a chat completion request asks: its schema and its questions, found again in the messages. Pure.

Our prompts say how many questions there are ("numbered from 1") and put every text between `<<<mark` and `mark>>>`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

_STATED_COUNT = re.compile(r"(\d{1,6}), numbered from 1\b")
_STATED_SIZE = re.compile(r"^List \d+: (\d+) items$", re.MULTILINE)
_FENCED = re.compile(r"<<<(\w+)\n(.*?)\n\1>>>", re.DOTALL)
_DESCRIBED = "It must fit this JSON schema:\n"
_TOLD = "\n\nReply with one JSON object and nothing else. "


class BadRequestError(ValueError):
    """A body that is no chat completion request; param and code are what the server tells of it."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request, taken apart.

    system is the first message without a schema that a client wrote into it, user the first of the user.
    questions holds the texts of each question, those that all share (a profile) first. format is the kind of
    `response_format`, "text" without one. is_complaint: an earlier reply is among the messages. n_bytes counts the
    texts of all messages and the schema, n_system_bytes the part that all requests of a run share.
    """

    model: str
    system: str
    user: str
    format: str
    schema: Mapping[str, Any] | None
    questions: tuple[tuple[str, ...], ...]
    is_complaint: bool
    n_messages: int
    n_bytes: int
    n_system_bytes: int
    max_tokens: int | None
    temperature: float = 0.0
    seed: int | None = None
    wants_logprobs: bool = False


def read_chat_request(body: Any) -> ChatRequest:
    """Take a request body apart; raises BadRequestError as OpenAI would refuse it."""
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        raise BadRequestError("you must provide a model parameter")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
        message = "Invalid 'messages': empty array. Expected an array with minimum length 1."
        raise BadRequestError(message, param="messages", code="empty_array")
    if body.get("stream"):
        raise BadRequestError("this server does not stream; leave 'stream' out", param="stream")
    texts = [(str(one.get("role")), _join_content(one.get("content"))) for one in messages]
    system = next((text for role, text in texts if role in ("system", "developer")), "")
    user = next((text for role, text in texts if role == "user"), "")
    format_, schema = _read_format(body.get("response_format"))
    n_schema_bytes = len(json.dumps(schema)) if schema else 0
    n_system_bytes = _count_bytes(system) + n_schema_bytes
    shown_system, described = (system, None) if schema else _split_described(system)
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    return ChatRequest(
        model=body["model"],
        system=shown_system,
        user=user,
        format=format_,
        schema=schema or described,
        questions=find_questions(user),
        is_complaint=any(role == "assistant" for role, _ in texts),
        n_messages=len(texts),
        n_bytes=sum(_count_bytes(text) for _, text in texts) + n_schema_bytes,
        n_system_bytes=n_system_bytes,
        max_tokens=limit if isinstance(limit, int) else None,
        temperature=float(body.get("temperature") or 0.0),
        seed=body.get("seed"),
        wants_logprobs=body.get("logprobs") is True,
    )


def find_questions(user: str) -> tuple[tuple[str, ...], ...]:
    r"""The texts of each question; texts before the first question belong to all. Without any mark: the whole message.

    >>> find_questions("Items: 2, numbered from 1.\n<<<m\nwho\nm>>>\n<<<m\na\nm>>>\n<<<m\nb\nm>>>")
    (('who', 'a'), ('who', 'b'))
    """
    fenced = [match.group(2) for match in _FENCED.finditer(user)]
    stated = _STATED_COUNT.search(user)
    n_questions = int(stated.group(1)) if stated else max(len(fenced), 1)
    if not n_questions or len(fenced) < n_questions:
        return tuple((user,) for _ in range(n_questions))
    sizes = [int(size) for size in _STATED_SIZE.findall(_FENCED.sub("", user))]
    if len(sizes) == n_questions and sum(sizes) <= len(fenced):
        ends = list(accumulate(sizes, initial=len(fenced) - sum(sizes)))
        return tuple((*fenced[: ends[0]], *fenced[start:end]) for start, end in pairwise(ends))
    n_each = len(fenced) // n_questions
    n_shared = len(fenced) - n_each * n_questions
    shared = tuple(fenced[:n_shared])
    starts = range(n_shared, len(fenced), n_each)
    return tuple((*shared, *fenced[start : start + n_each]) for start in starts)


def _join_content(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _count_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _read_format(wanted: Any) -> tuple[str, Mapping[str, Any] | None]:
    if not isinstance(wanted, dict):
        return "text", None
    described = wanted.get("json_schema")
    schema = described.get("schema") if isinstance(described, dict) else None
    return str(wanted.get("type", "text")), schema if isinstance(schema, dict) and schema else None


def _split_described(system: str) -> tuple[str, Mapping[str, Any] | None]:
    """The schema that a client wrote at the end of the system message, and the message without it."""
    before, mark, text = system.rpartition(_DESCRIBED)
    if not mark:
        return system, None
    try:
        schema = json.loads(text)
    except ValueError:
        return system, None
    return (before.removesuffix(_TOLD), schema) if isinstance(schema, dict) else (system, None)
