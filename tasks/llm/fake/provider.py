"""The whole provider without a socket: bytes of a request in, bytes of a response and a delay out.

It keeps files, batches and counters. It is used from one thread, and the clock is handed in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from tasks.llm.fake.batch_rows import BatchRow
from tasks.llm.fake.batches import BatchStore
from tasks.llm.fake.chat import Chat, ChatResult, no_credit
from tasks.llm.fake.faults import Faults
from tasks.llm.fake.files import FileStore
from tasks.llm.fake.ledger import Ledger, LogEntry, RequestLog
from tasks.llm.fake.replies import FakeResponse, Refusal, respond

CHAT_PATH = "/v1/chat/completions"
MODEL = "fake"
NO_FAULTS = Faults()


class FakeProvider:
    """Answers as OpenAI's API would, with invented answers and the faults that were ordered.

    A server calls `begin`, then `answer`, waits as long as the response says, and calls `end` before it sends, so that
    what is in flight is counted and the log is written before the client knows.
    """

    def __init__(self, seed: int = 0, faults: Faults = NO_FAULTS, log: RequestLog | None = None) -> None:
        self._faults = faults
        self._ledger = Ledger(log)
        self._chat = Chat(faults, seed=seed)
        self._files = FileStore(max_bytes=faults.batch_max_bytes)
        self._batches = BatchStore(faults, self._files, seed=seed, answer_row=self._answer_row)

    def begin(self, path: str, *, now: float) -> None:
        """A request has arrived; a completion is in flight until its end."""
        if not path.startswith("/stats"):
            self._ledger.note_arrival(now)
        self._ledger.n_in_flight += path == CHAT_PATH

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> FakeResponse:
        """The response to a request; header names are in lower case or looked up without regard to it."""
        try:
            return self._route(method, path, headers, body, now)
        except Refusal as refusal:
            return respond(refusal.body, status=refusal.status, headers=refusal.headers)

    def end(self, method: str, path: str, response: FakeResponse, *, arrived_at: float, now: float) -> None:
        """A request is about to be answered: count it, and log it."""
        self._ledger.n_in_flight -= path == CHAT_PATH
        if path.startswith("/stats"):
            return
        entry = LogEntry(
            arrived_at=arrived_at,
            finished_at=now,
            method=method,
            path=path,
            status=0 if response.is_dropped else response.status,
            user_sha256=response.user_sha256,
            n_questions=response.n_questions,
        )
        route = path if path == CHAT_PATH else "/".join(path.partition("?")[0].split("/")[:3])
        self._ledger.note_end(entry, route=route, usage=response.usage)

    def stats(self) -> dict[str, Any]:
        """The counters since the start or the last reset."""
        return self._ledger.show()

    def reset_stats(self) -> None:
        """Count anew; files, batches and limits stay as they are."""
        self._ledger.reset()

    def _route(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> FakeResponse:
        path, _, query_text = path.partition("?")
        if path.startswith("/v1/") and self._faults.wrong_key:
            raise Refusal(401, "Incorrect API key provided: ****.", code="invalid_api_key")
        if path == CHAT_PATH and method == "POST":
            response = self._chat.answer(body, n_in_flight=self._ledger.n_in_flight, now=now)
            if response.status != 429:
                self._ledger.note_admitted()
            return response
        query = dict(parse_qsl(query_text))
        match (method, *path.strip("/").split("/")):
            case ("GET", "v1", "models"):
                model = {"id": MODEL, "object": "model", "created": int(now), "owned_by": "nightjar"}
                return respond({"object": "list", "data": [model]})
            case ("POST", "v1", "files"):
                return respond(self._files.upload(headers, body, now=now).show())
            case ("GET", "v1", "files"):
                return respond(self._files.list(query))
            case ("GET", "v1", "files", file_id):
                return respond(self._files.get(file_id).show())
            case ("GET", "v1", "files", file_id, "content"):
                return FakeResponse(200, {"content-type": "application/octet-stream"}, self._files.get(file_id).content)
            case ("DELETE", "v1", "files", file_id):
                return respond(self._files.delete(file_id))
            case ("POST", "v1", "batches"):
                if self._faults.no_credit:
                    raise no_credit()
                return respond(self._batches.create(_parse(body), now=now))
            case ("GET", "v1", "batches"):
                return respond(self._batches.list(query, now=now))
            case ("GET", "v1", "batches", batch_id):
                return respond(self._batches.retrieve(batch_id, now=now))
            case ("POST", "v1", "batches", batch_id, "cancel"):
                return respond(self._batches.cancel(batch_id, now=now))
            case ("GET", "stats"):
                return respond(self.stats())
            case ("POST", "stats", "reset"):
                self.reset_stats()
                return respond(self.stats())
        raise Refusal(404, f"Invalid URL ({method} {path})")

    def _answer_row(self, batch_id: str, row: BatchRow, now: float) -> ChatResult:
        result = self._chat.answer_row(row.body, now=now)
        entry = LogEntry(now, now, "POST", CHAT_PATH, result.status, result.user_sha256, result.n_questions, batch_id)
        self._ledger.note_row(entry, usage=result.usage)
        return result


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise Refusal(400, "We could not parse the JSON body of your request.") from None
