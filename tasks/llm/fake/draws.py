"""Chance that is none: numbers that follow from texts alone, so that the same request meets the same fate. Pure."""

from __future__ import annotations

import hashlib

_WORD_BYTES = 4
_RANGE = float(256**_WORD_BYTES)


def hash_texts(*texts: str) -> bytes:
    """64 bytes that depend on every text and on where one ends; lone surrogates, which JSON can carry, are taken."""
    joined = "\x00".join(texts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(joined, digest_size=64).digest()


def share_at(digest: bytes, position: int) -> float:
    """The number in [0, 1) at a position 0..15 of a digest: one digest decides sixteen questions."""
    start = position * _WORD_BYTES
    return int.from_bytes(digest[start : start + _WORD_BYTES], "big") / _RANGE


class Draws:
    """A stream of numbers that begins anew with the same texts."""

    __slots__ = ("_digest", "_position")

    def __init__(self, *texts: str) -> None:
        self._digest = hash_texts(*texts)
        self._position = 0

    def share(self) -> float:
        """The next number in [0, 1)."""
        if self._position == 16:
            self._digest = hashlib.blake2b(self._digest, digest_size=64).digest()
            self._position = 0
        self._position += 1
        return share_at(self._digest, self._position - 1)

    def below(self, bound: int) -> int:
        """The next integer in 0..bound-1."""
        return int(self.share() * bound)
