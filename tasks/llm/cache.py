"""Paid replies are kept under a key of all that changes the answer, so that nothing is paid for twice.

The store itself is handed in (in production it is a file of the warehouse). The unit is the answer to one question,
whatever shared its request: its key is that of the prompt that would ask it alone. So a question is recognised in any
company, and a batch that was cut differently yesterday costs nothing today.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tasks.llm.types import NOTHING_USED, Endpoint, Prompt, TokenUsage

KEY_VERSION = 2


@dataclass(frozen=True)
class StoredReply:
    """The reply to one question that passed its checks, and what it cost then.

    Answers of one request share its cost: only the first carries it.
    """

    text: str
    model: str = ""
    usage: TokenUsage = NOTHING_USED


class ReplyStore(Protocol):
    """Where replies are kept. Keys are 64 hex digits; a reply under a known key replaces the old one.

    `get` and `put` are called from two threads, and may meet.
    """

    def get(self, keys: Sequence[str]) -> dict[str, StoredReply]:
        """The replies that there are under `keys`; at most some hundred keys at once."""
        ...

    def put(self, replies: Sequence[tuple[str, StoredReply]]) -> None:
        """Keep replies, all or none; they are safe when this returns."""
        ...


class MemoryStore:
    """Replies of this process only."""

    def __init__(self) -> None:
        self._replies: dict[str, StoredReply] = {}

    def __len__(self) -> int:
        return len(self._replies)

    def get(self, keys: Sequence[str]) -> dict[str, StoredReply]:
        """The replies that there are under `keys`."""
        return {key: self._replies[key] for key in keys if key in self._replies}

    def put(self, replies: Sequence[tuple[str, StoredReply]]) -> None:
        """Keep replies."""
        self._replies.update(replies)


class Keys:
    """Makes the keys of one endpoint's prompts; what they share is hashed once."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._identity = endpoint.identity
        self._shared: tuple[Prompt, bytes] | None = None

    def of(self, prompt: Prompt) -> str:
        """SHA-256 of server, model, sampling, messages, schema and sample: all that changes the answer.

        Not in it: the key, timeouts, prices, limits, the endpoint's name, and how a schema is handed to this server.
        """
        known, digest = self._shared or (None, b"")
        if known is None or known.system is not prompt.system or known.schema is not prompt.schema:
            parts = [KEY_VERSION, self._identity, prompt.system, prompt.schema_name, prompt.schema]
            text = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
            digest = hashlib.sha256(text.encode()).digest()
            self._shared = (prompt, digest)
        sample = f"\x00sample {prompt.sample}" if prompt.sample else ""
        return hashlib.sha256(digest + f"{prompt.user}{sample}".encode("utf-8", errors="surrogatepass")).hexdigest()


def reply_key(endpoint: Endpoint, prompt: Prompt) -> str:
    """The key of one prompt, see `Keys.of`."""
    return Keys(endpoint).of(prompt)
