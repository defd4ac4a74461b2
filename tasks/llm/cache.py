"""Pay once: valid replies are stored before they are used, under a key of all that changes the answer.

The engine calls a store only from the thread that iterates over its outcomes, so a store needs no lock. Only replies
that passed every check are put; refusals, cut-offs and errors never are. A stored reply is checked again when it is
read, so a stricter check makes it a miss, not a wrong label.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Protocol

from tasks.llm.types import NOTHING_USED, Endpoint, Prompt, TokenUsage

KEY_VERSION = 1


@dataclass(frozen=True)
class StoredReply:
    """A valid reply as the model wrote it, the model that the server named, and what it cost then."""

    text: str
    model: str = ""
    usage: TokenUsage = NOTHING_USED


class ReplyStore(Protocol):
    """Where replies are kept. `put` may replace a reply under the same key; keys are 64 hex digits."""

    def get(self, key: str) -> StoredReply | None: ...

    def put(self, key: str, reply: StoredReply) -> None: ...


class MemoryStore:
    """Replies of this process only."""

    def __init__(self) -> None:
        self._replies: dict[str, StoredReply] = {}

    def __len__(self) -> int:
        return len(self._replies)

    def get(self, key: str) -> StoredReply | None:
        """The reply under `key`, None where there is none."""
        return self._replies.get(key)

    def put(self, key: str, reply: StoredReply) -> None:
        """Keep a reply."""
        self._replies[key] = reply


def reply_key(endpoint: Endpoint, prompt: Prompt) -> str:
    """SHA-256 of server, model, sampling, messages and schema: all that changes the answer.

    Not in it: the key, timeouts, prices, limits, the endpoint's name, and how a schema is handed to this server.
    """
    parts = [KEY_VERSION, endpoint.identity, prompt.messages, prompt.schema_name, prompt.schema]
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
