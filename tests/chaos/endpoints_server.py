"""A loopback server below HTTP: a script gets the request and the bare socket, and may send whatever it likes."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from tests.llm.shouting import shouts


@dataclass(frozen=True)
class Heard:
    """A request as it came in; header names in lower case."""

    n: int
    line: str
    headers: dict[str, str]
    body: bytes


Script = Callable[[Heard, socket.socket], None]


@dataclass
class RawServer:
    """Serves on a port of 127.0.0.1 while its context lasts, one connection a request."""

    script: Script
    heard: list[Heard] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._ends = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._socket.close()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def drip(self, connection: socket.socket, piece: bytes, *, every: float = 0.02) -> None:
        """Send a piece again and again for as long as somebody listens."""
        while not self._ends.is_set():
            connection.sendall(piece)
            time.sleep(every)

    def hang(self, seconds: float = 30.0) -> None:
        """Do nothing for so long, or until the server ends."""
        self._ends.wait(seconds)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        # A client that has gone is what some of the tests are about.
        with connection, contextlib.suppress(OSError):
            request = self._read(connection)
            if request is not None:
                self.script(request, connection)
                connection.shutdown(socket.SHUT_WR)

    def _read(self, connection: socket.socket) -> Heard | None:
        file = connection.makefile("rb")
        line = file.readline().decode("latin-1").strip()
        if not line:
            return None
        headers: dict[str, str] = {}
        while text := file.readline().decode("latin-1").strip():
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        body = file.read(int(headers.get("content-length", 0)))
        with self._lock:
            request = Heard(len(self.heard) + 1, line, headers, body)
            self.heard.append(request)
        return request


def http(body: bytes, *, status: str = "200 OK", length: int | None = None, **headers: str) -> bytes:
    """A response; length lies about the body where it is given."""
    named = {"content-type": "application/json", "content-length": str(len(body) if length is None else length)}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status}\r\nconnection: close\r\n{head}\r\n".encode("latin-1") + body


def right_body(request: Heard, **more: Any) -> bytes:
    """The right answer to a form that asks to shout, as JSON."""
    user = json.loads(request.body)["messages"][1]["content"]
    words = [line.removeprefix("Word: ") for line in user.splitlines() if line.startswith("Word: ")]
    message = {"role": "assistant", "content": json.dumps(shouts(words)), "refusal": None}
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    choice = {"index": 0, "message": message, "finish_reason": "stop", **more}
    return json.dumps({"model": "m", "choices": [choice], "usage": usage}).encode()
