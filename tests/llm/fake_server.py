"""A loopback server that speaks /v1/chat/completions over real HTTP, with faults on demand.

Bodies have the shapes of recorded replies of OpenAI. A script, called once per request, says what to answer.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Request:
    """What came in: `n` counts from 1, `at` is seconds of a monotonic clock."""

    n: int
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    at: float

    @property
    def system(self) -> str:
        """The first message."""
        return str(self.body["messages"][0]["content"])

    @property
    def user(self) -> str:
        """The second message, which holds the questions."""
        return str(self.body["messages"][1]["content"])

    @property
    def last(self) -> str:
        """The last message: a complaint when the prompt is asked again."""
        return str(self.body["messages"][-1]["content"])

    @property
    def format(self) -> str:
        """The kind of `response_format`, "text" without one."""
        return str(self.body.get("response_format", {}).get("type", "text"))

    @property
    def fenced(self) -> list[str]:
        """The texts between the marks of the request, in order."""
        return [text for _, text in re.findall(r"<<<(\w{8})\n(.*?)\n\1>>>", self.user, re.DOTALL)]


@dataclass(frozen=True)
class Answer:
    """What goes out. `is_dropped` cuts the connection instead."""

    status: int = 200
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    is_dropped: bool = False


Script = Callable[[Request], Answer]


def completion(
    content: Any, *, finish_reason: str = "stop", refusal: str | None = None, delay_seconds: float = 0.0
) -> Answer:
    """A completion that says `content`: text, or a value that becomes JSON."""
    text = content if isinstance(content, str) or content is None else json.dumps(content)
    message = {"role": "assistant", "content": text, "refusal": refusal}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "total_tokens": 110,
        "prompt_tokens_details": {"cached_tokens": 60},
    }
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1736425610, "model": "fake-2026-11-01"}
    return Answer(body={**body, "choices": [choice], "usage": usage}, delay_seconds=delay_seconds)


def error(status: int, message: str, *, code: str | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """An error as OpenAI words it."""
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
    return Answer(status, body, headers or {})


class FakeServer:
    """Serves on a port of 127.0.0.1 while its context lasts; keeps the requests and the highest number in flight."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[Request] = []
        self.highest_in_flight = 0
        self._n_in_flight = 0
        self._lock = threading.Lock()
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.fake = self
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        """The base URL for an endpoint."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def answer(self, path: str, headers: Mapping[str, str], body: dict[str, Any]) -> Answer:
        """Note the request, ask the script, wait as long as it says."""
        with self._lock:
            request = Request(len(self.requests) + 1, path, headers, body, time.monotonic())
            self.requests.append(request)
            self._n_in_flight += 1
            self.highest_in_flight = max(self.highest_in_flight, self._n_in_flight)
        try:
            answer = self.script(request)
            time.sleep(answer.delay_seconds)
            return answer
        finally:
            with self._lock:
                self._n_in_flight -= 1


class _Http(ThreadingHTTPServer):
    fake: FakeServer
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a client has gone: some tests want just that."""


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        """Nothing but completions is known here."""
        self.send_error(404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.fake.answer(self.path, headers, body)
        if answer.is_dropped:
            # A reset, not an orderly end: unsent data and a linger of 0.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        said = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        payload = said.encode()
        self.send_response(answer.status)
        for name, value in {"content-type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""
