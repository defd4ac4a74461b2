"""The engine's reply store on top of the warehouse: each paid reply is committed before it is used."""

from __future__ import annotations

import json
from dataclasses import asdict

from tasks.labelers.protocol import Task
from tasks.llm.cache import StoredReply
from tasks.llm.types import TokenUsage
from warehouse.connection import Warehouse
from warehouse.replies import read_reply, store_reply


class WarehouseStore:
    """A ReplyStore for the replies to one task; used from the thread that owns the warehouse."""

    def __init__(self, warehouse: Warehouse, task: Task) -> None:
        self._warehouse = warehouse
        self._task = task

    def get(self, key: str) -> StoredReply | None:
        """The reply under `key`, None where there is none."""
        text = read_reply(self._warehouse, key)
        if text is None:
            return None
        values = json.loads(text)
        return StoredReply(values["text"], values["model"], TokenUsage(**values["usage"]))

    def put(self, key: str, reply: StoredReply) -> None:
        """Keep a reply; it is on disk when this returns."""
        store_reply(self._warehouse, key, task=self._task, model=reply.model, reply=asdict(reply))
