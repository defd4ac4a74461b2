"""What a packed file may unpack to. A few kilobytes can hold petabytes, which no disk and no night has room for."""

from __future__ import annotations

import io
from typing import IO

from tasks.contracts.errors import SourceError

# Text packs to a fifth, logs to a hundredth; the tightest that deflate can do is about a thousandth.
MOST_PER_BYTE = 200
# So much is read whatever it was packed to.
ALWAYS = 2**30


def bound_unpacked(stream: IO[bytes], packed_bytes: int, *, name: str) -> IO[bytes]:
    """The unpacked stream of a file of `packed_bytes`; reading it raises SourceError past the limit."""
    return io.BufferedReader(_Bounded(stream, max(ALWAYS, MOST_PER_BYTE * packed_bytes), name), buffer_size=2**16)


class _Bounded(io.RawIOBase):
    def __init__(self, stream: IO[bytes], most: int, name: str) -> None:
        self._stream, self._left, self._most, self._name = stream, most, most, name

    def readable(self) -> bool:
        return True

    def readinto(self, target: bytearray | memoryview) -> int:  # type: ignore[override]
        piece = self._stream.read(len(target))
        self._left -= len(piece)
        if self._left < 0:
            raise SourceError(
                f"{self._name} unpacks to more than {self._most} bytes, {MOST_PER_BYTE} times its size or more; "
                "if it is no damage, unpack it yourself and name the unpacked file"
            )
        target[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._stream.close()
        super().close()
