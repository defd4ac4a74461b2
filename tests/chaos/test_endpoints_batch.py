"""A Batch API that lies, floods or sends us elsewhere: an error of ours that names it, never a crash, never the key."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr

from tasks.contracts.errors import LabelerError, TerminalError
from tasks.labelers.protocol import ItemText, JudgeQuestion, UserText
from tasks.llm import bounds
from tasks.llm.batch import remote
from tasks.llm.batch.remote import BatchClient
from tasks.llm.batch.spool import Spool
from tasks.llm.errors import NoAnswerError
from tasks.llm.types import Endpoint
from tests.chaos.endpoints_server import Heard, RawServer, Script, http

KEY = "sk-very-secret-4711"


@pytest.fixture(autouse=True)
def _no_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "RETRIES", 0)


def client_of(server: RawServer, **values: Any) -> BatchClient:
    quick = {
        "name": "odd",
        "model": "m",
        "base_url": server.url,
        "backoff_seconds": 0.001,
        "timeout_seconds": 2,
        **values,
    }
    return BatchClient(Endpoint.model_validate(quick), SecretStr(KEY), sleep=lambda _: None)


def always(reply: bytes) -> Script:
    return lambda request, connection: connection.sendall(reply)


ODD = {
    "HTML": http(b"<html>", content_type="text/html"),
    "no JSON": http(b"<html>"),
    "a list": http(b"[]"),
    "null": http(b"null"),
    "a number": http(b"7"),
    "another shape": http(b'{"data": {"a": 1}, "id": [1], "status": {"x": []}, "errors": 4, "request_counts": "many"}'),
    "rows of nothing": http(b'{"data": [null, 3, "x", {}], "has_more": true}'),
    "too deep": http(b"[" * 200_000),
    "cut short": http(b'{"id": "b', length=500),
    "not HTTP": b"220 mail\r\n",
    "megabytes": http(b" " * (bounds.MAX_REPLY_BYTES + 1)),
    "500": http(b"<p>", status="500 No"),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("work", ["look", "find", "cancel", "read_lines", "submit"])
def test_an_odd_reply_is_an_error_of_ours_or_says_nothing(odd: str, work: str, tmp_path: Path) -> None:
    path = tmp_path / "input.jsonl"
    path.write_text("{}\n")
    calls: dict[str, Callable[[BatchClient], Any]] = {
        "look": lambda client: client.look("b1"),
        "find": lambda client: client.find("key"),
        "cancel": lambda client: client.cancel("b1"),
        "read_lines": lambda client: list(client.read_lines("f1")),
        "submit": lambda client: client.submit("key", path),
    }
    with RawServer(always(ODD[odd])) as server:
        client = client_of(server)
        said = _try(lambda: calls[work](client))
        client.close()
    assert KEY not in said
    assert not said.startswith("the ") or "endpoint 'odd'" in said


def _try(work: Callable[[], Any]) -> str:
    """What an error of ours says; of a reply that could be taken for one, that. Any other error ends the test."""
    try:
        return str(work())
    except LabelerError as error:
        return str(error)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("work", ["look", "read_lines", "submit"])
def test_key_and_file_follow_no_redirect(status: str, work: str, tmp_path: Path) -> None:
    path = tmp_path / "input.jsonl"
    path.write_text("{}\n")
    with RawServer(always(http(b"{}"))) as thief:
        lead = http(b"", status=status, location=f"http://localhost:{thief.port}/v1/files")
        with RawServer(always(lead)) as server:
            client = client_of(server)
            calls = {
                "look": lambda: client.look("b"),
                "read_lines": lambda: list(client.read_lines("f")),
                "submit": lambda: client.submit("k", path),
            }
            with pytest.raises(TerminalError, match="redirects"):
                calls[work]()
            client.close()
    assert thief.heard == []


def test_a_list_without_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "MOST_LISTED", 50)

    def script(request: Heard, connection: socket.socket) -> None:
        rows = [{"id": f"b{request.n}-{n}", "object": "batch", "status": "completed"} for n in range(10)]
        connection.sendall(http(json.dumps({"object": "list", "data": rows, "has_more": True}).encode()))

    with RawServer(script) as server:
        client = client_of(server)
        assert client.find("key") is None
        client.close()
    assert len(server.heard) <= 6


def test_rows_of_an_output_file_are_read_whatever_stands_between_them() -> None:
    lines = [
        b'{"custom_id": "a"}',
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        b'{"custom_id": "b\xff"}',
        b"",
        b'{"custom_id": "c"}',
    ]
    with RawServer(always(http(b"\n".join(lines)))) as server:
        client = client_of(server)
        rows = list(client.read_lines("f"))
        client.close()
    assert [row.get("custom_id") for row in rows] == ["a", None, None, None, "b\ufffd", "c"]


def test_a_line_without_end_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_FILE_BYTES", 40 * 2**20)
    packed = gzip.compress(b'{"custom_id": "a"}\n' + b"x" * (20 * 2**20) + b'\n{"custom_id": "b"}', compresslevel=1)
    with RawServer(always(http(packed, content_encoding="gzip"))) as server:
        client = client_of(server)
        assert [row.get("custom_id") for row in client.read_lines("f")] == ["a", "b"]
        monkeypatch.setattr(bounds, "MAX_FILE_BYTES", 2**20)
        with pytest.raises(NoAnswerError, match="TooMuchError"):
            list(client.read_lines("f"))
        client.close()


def test_a_file_that_drips_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "FILE_SECONDS", 0.3)

    def script(request: Heard, connection: socket.socket) -> None:
        connection.sendall(http(b"{}\n", length=10**9))
        server.drip(connection, b"{}\n")

    began = time.monotonic()
    with RawServer(script) as server:
        client = client_of(server)
        with pytest.raises(NoAnswerError, match="can't be read to its end"):
            list(client.read_lines("f"))
        client.close()
    assert time.monotonic() - began < 3


def test_questions_put_aside_come_back_equal_and_are_text() -> None:
    vector = np.arange(3, dtype=np.float32)
    item = ItemText("k", "T\ud800", "line\nline", vector=vector)
    question = JudgeQuestion(UserText("u", "s", ("a", "b"), history=(item,)), item, {"sport": 0.1})
    with Spool[Any]() as spool:
        for one in (question, "plain", ("a", 1, None, 0.5)):
            spool.add(one)
        found = list(spool)
        assert found[1:] == ["plain", ("a", 1, None, 0.5)]
        assert found[0].user.history[0].vector.tolist() == [0.0, 1.0, 2.0]
        assert (found[0].key, found[0].topics, found[0].user.interests) == ("u|k", {"sport": 0.1}, ("a", "b"))
        with pytest.raises(TypeError, match="a set, which can't be put aside"):
            spool.add({1})
