"""What an endpoint may send us: at most so many bytes in so much time, unpacked, and never from another address.

Hooks for the HTTP clients. A reply is counted while it comes in and after it was unpacked, so that neither megabytes, nor a
few bytes of gzip that unpack to gigabytes, nor a drip without end fill the memory or hold the night up. Redirects are not
followed: what we send is a key and the catalog's texts, and both are for the configured address alone.
Time O(bytes), memory O(one piece) beside what the client keeps.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx2

# A reply of 16,000 tokens with their probabilities is about 3 MB.
MAX_REPLY_BYTES = 8 * 2**20
# The output of a batch: 50,000 replies; a line of it is one reply.
MAX_FILE_BYTES = 4 * 2**30
FILE_SECONDS = 3600.0


class TooMuchError(Exception):
    """A reply that is larger, or takes longer, than anything that was asked for."""


class _Allowance:
    """What one reply may still bring."""

    def __init__(self, max_bytes: int, seconds: float) -> None:
        self._left = self._max_bytes = max_bytes
        self._seconds = seconds
        self._until = time.monotonic() + seconds

    def take(self, piece: bytes) -> bytes:
        """The piece; raises TooMuchError when it is one too many, or comes too late."""
        self._left -= len(piece)
        if self._left < 0:
            raise TooMuchError(f"more than {self._max_bytes} bytes")
        if time.monotonic() > self._until:
            raise TooMuchError(f"no end within {self._seconds:g} s")
        return piece


class _AsyncStream(httpx2.AsyncByteStream):
    """The stream of a reply, unpacked and counted."""

    def __init__(self, stream: httpx2.AsyncByteStream, packed: httpx2.Response, allowance: _Allowance) -> None:
        self._stream, self._packed, self._allowance = stream, packed, allowance

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._packed.aiter_bytes():
            yield self._allowance.take(piece)

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Stream(httpx2.SyncByteStream):
    """The same for a client without asyncio."""

    def __init__(self, stream: httpx2.SyncByteStream, packed: httpx2.Response, allowance: _Allowance) -> None:
        self._stream, self._packed, self._allowance = stream, packed, allowance

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._packed.iter_bytes():
            yield self._allowance.take(piece)

    def close(self) -> None:
        self._stream.close()


def bound_async(seconds: float) -> dict[str, list[Callable[..., Any]]]:
    """Event hooks for an asynchronous client: each reply at most MAX_REPLY_BYTES, within `seconds`."""

    async def bound(response: httpx2.Response) -> None:
        stream = response.stream
        if isinstance(stream, httpx2.AsyncByteStream):
            packed = _unwrap(response)
            response.stream = _AsyncStream(stream, packed, _Allowance(MAX_REPLY_BYTES, seconds))

    return {"response": [bound]}


def bound_sync(seconds: float) -> dict[str, list[Callable[..., Any]]]:
    """Event hooks for a client of the Batch API: files may be larger and take longer than other replies."""

    def bound(response: httpx2.Response) -> None:
        stream = response.stream
        is_file = response.request.url.path.endswith("/content")
        allowance = _Allowance(MAX_FILE_BYTES, FILE_SECONDS) if is_file else _Allowance(MAX_REPLY_BYTES, seconds)
        if isinstance(stream, httpx2.SyncByteStream):
            packed = _unwrap(response)
            response.stream = _Stream(stream, packed, allowance)

    return {"response": [bound]}


def split_lines(pieces: Iterator[bytes], *, longest: int = MAX_REPLY_BYTES) -> Iterator[bytes]:
    """Lines without their line break from pieces of bytes; of a line longer than `longest` comes b"" in its place."""
    held = bytearray()
    is_skipping = False
    for piece in pieces:
        first, *others = piece.split(b"\n")
        held += b"" if is_skipping else first
        for part in others:
            yield b"" if is_skipping else bytes(held)
            held, is_skipping = bytearray(part), False
        if len(held) > longest:
            held, is_skipping = bytearray(), True
    if held or is_skipping:
        yield bytes(held)


def decode_body(content: bytes) -> str:
    """The text of a reply. JSON is UTF-8 whatever a header claims; a byte that is not becomes U+FFFD."""
    return content.decode("utf-8-sig", "replace")


def _unwrap(response: httpx2.Response) -> httpx2.Response:
    """A second view of the reply that unpacks it; the first one no longer will."""
    packing = {"content-encoding": response.headers.pop("content-encoding", "identity")}
    return httpx2.Response(200, headers=packing, stream=response.stream)
