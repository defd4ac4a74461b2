"""An endpoint that lies, hangs or floods: it costs its own questions at most, and fills no memory."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from tasks.llm.bounds import MAX_REPLY_BYTES, split_lines
from tasks.llm.probe import probe
from tasks.llm.responses import RawResponse, read_response
from tasks.llm.types import Endpoint
from tests.chaos.endpoints_server import Heard, RawServer, http, right_body
from tests.chaos.odd_endpoint import KEY, ask, endpoint_of


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def bomb(n_bytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = packer.compress(b" " * 2**24) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08" + b"\x00" * 6 + b"\xff" + block * (n_bytes // 2**24)


def chunked(piece: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(piece), piece)


CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
DEEP = b"[" * 200_000
# Each is what the server sends first; then it answers right.
FAULTS: dict[str, Callable[[Heard, socket.socket], None]] = {
    "dies before a byte": lambda r, c: reset(c),
    "dies in the middle": lambda r, c: (c.sendall(http(right_body(r))[:-20]), reset(c))[0],
    "closes in the middle": lambda r, c: c.sendall(http(right_body(r))[:-20]),
    "closes within the head": lambda r, c: c.sendall(b"HTTP/1.1 200 OK\r\ncontent-ty"),
    "content-length too large": lambda r, c: c.sendall(http(right_body(r), length=10**6)),
    "content-length too small": lambda r, c: c.sendall(http(right_body(r), length=30)),
    "content-length no number": lambda r, c: c.sendall(
        http(right_body(r)).replace(b"content-length: ", b"content-length: x")
    ),
    "HTML": lambda r, c: c.sendall(http(b"<html><title>Log in</title>" + b"<p>" * 5000, content_type="text/html")),
    "not HTTP": lambda r, c: c.sendall(b"220 mail.example ESMTP\r\n"),
    "endless header": lambda r, c: c.sendall(b"HTTP/1.1 200 OK\r\nx: " + b"a" * 2**20),
    "invalid UTF-8": lambda r, c: c.sendall(http(right_body(r)[:-3] + b"\xff\xfe\xed\xa0\x80")),
    "a charset that decodes no text": lambda r, c: c.sendall(
        http(b"\xff", content_type="application/json; charset=hex")
    ),
    "JSON too deep": lambda r, c: c.sendall(http(DEEP)),
    "a number too long": lambda r, c: c.sendall(http(b'{"choices": ' + b"9" * 10_000 + b"}")),
    "gzip that is none": lambda r, c: c.sendall(http(b"no gzip", content_encoding="gzip")),
    "gzip cut short": lambda r, c: c.sendall(http(gzip.compress(right_body(r) * 50)[:-30], content_encoding="gzip")),
    "megabytes": lambda r, c: c.sendall(http(b" " * (MAX_REPLY_BYTES + 1))),
    "megabytes in an error": lambda r, c: c.sendall(http(b"x" * (MAX_REPLY_BYTES + 1), status="500 No")),
    "many packings": lambda r, c: c.sendall(http(b"x", content_encoding=", ".join(["gzip"] * 30))),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_reply_that_is_none_is_tried_again(fault: str) -> None:
    def script(request: Heard, connection: socket.socket) -> None:
        if request.n == 1:
            FAULTS[fault](request, connection)
        else:
            connection.sendall(http(right_body(request)))

    with RawServer(script) as server:
        [outcome] = ask(server)
    assert outcome.answer == "WORD0"
    assert len(server.heard) == 2


@pytest.mark.parametrize("fault", ["closes in the middle", "HTML", "a charset that decodes no text", "megabytes"])
def test_a_reply_that_never_comes_costs_its_question_alone(fault: str) -> None:
    def script(request: Heard, connection: socket.socket) -> None:
        if b"word1" in request.body:
            FAULTS[fault](request, connection)
        else:
            connection.sendall(http(right_body(request)))

    with RawServer(script) as server:
        outcomes = ask(server, 3, max_in_flight=1)
    told = {outcome.question: outcome.trouble.code if outcome.trouble else outcome.answer for outcome in outcomes}
    assert told == {"word0": "WORD0", "word1": "server_error", "word2": "WORD2"}


def test_what_unpacks_to_a_gigabyte_is_not_unpacked() -> None:
    packed = http(bomb(2**30), content_encoding="gzip")
    tracemalloc.start()
    try:
        with RawServer(lambda request, connection: connection.sendall(packed)) as server:
            [outcome] = ask(server)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert outcome.trouble is not None
    assert "more than 8388608 bytes" in outcome.trouble.detail
    assert peak < 4 * MAX_REPLY_BYTES


def test_a_packed_reply_is_read() -> None:
    def script(request: Heard, connection: socket.socket) -> None:
        connection.sendall(http(gzip.compress(right_body(request)), content_encoding="gzip"))

    with RawServer(script) as server:
        assert ask(server)[0].answer == "WORD0"


@pytest.mark.parametrize("drips", ["body", "head", "chunks", "nothing"])
def test_a_drip_without_end_is_cut_off(drips: str) -> None:
    def script(request: Heard, connection: socket.socket) -> None:
        if drips == "body":
            connection.sendall(http(b"{", length=10**6))
            server.drip(connection, b" ")
        elif drips == "chunks":
            connection.sendall(CHUNKED_HEAD)
            server.drip(connection, chunked(b" "))
        elif drips == "head":
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            server.drip(connection, b"x: y\r\n", every=0.05)
        else:
            server.hang()

    with RawServer(script) as server:
        began = time.monotonic()
        [outcome] = ask(server, timeout_seconds=0.25)
    assert outcome.trouble is not None
    assert outcome.trouble.code == "timeout"
    assert time.monotonic() - began < 3


ODD_TOKENS: list[Any] = [
    {"content": [{"token": "x", "logprob": -(10**400)}]},
    {"content": [{"token": "x", "logprob": 10**400}]},
    {"content": [{"token": "\ud800", "bytes": [999], "logprob": -1}]},
    {"content": "x"},
    {"content": [None]},
    [],
]


@pytest.mark.parametrize("logprobs", ODD_TOKENS)
def test_odd_probabilities_are_no_probabilities(logprobs: Any) -> None:
    def script(request: Heard, connection: socket.socket) -> None:
        connection.sendall(http(right_body(request, logprobs=logprobs)))

    with RawServer(script) as server:
        assert ask(server, wants_logprobs=True)[0].answer == "WORD0"


def test_a_model_name_that_no_database_takes_is_mended() -> None:
    body = {"model": "a\ud800\x00" + "b" * 5000, "choices": [{"message": {"content": "x"}}]}
    completion = read_response(RawResponse(200, {}, json.dumps(body)), Endpoint(name="odd", model="m"))
    assert completion.model.encode().startswith(b"a?\xef\xbf\xbdbbb")
    assert len(completion.model) == 300


@pytest.mark.parametrize("batches", ["deep", "drip", "redirect", "HTML"])
def test_the_probe_ends_whatever_the_list_of_batches_is(batches: str) -> None:
    colour = (
        b'{"choices": [{"message": {"content": "{\\"answers\\": [{\\"number\\": 1, \\"colour\\": \\"blue\\"}]}"}}]}'
    )
    replies = {
        "deep": http(DEEP),
        "drip": http(b"{", length=10**6),
        "redirect": http(b"", status="302 Found", location="http://127.0.0.1:1/"),
        "HTML": http(b"<html>"),
    }

    def script(request: Heard, connection: socket.socket) -> None:
        if "/batches" not in request.line:
            connection.sendall(http(colour))
            return
        connection.sendall(replies[batches])
        if batches == "drip":
            server.drip(connection, b" ")

    with RawServer(script) as server:
        assert not probe(endpoint_of(server, timeout_seconds=0.5), api_key=SecretStr(KEY)).has_batches


def test_lines_are_split_and_one_without_end_is_left_out() -> None:
    pieces = [b"ab", b"c\nd", b"\n", b"x" * 50, b"x" * 50, b"\nend"]
    assert list(split_lines(iter(pieces), longest=60)) == [b"abc", b"d", b"", b"end"]
    assert list(split_lines(iter([b"x" * 100]), longest=60)) == [b""]
