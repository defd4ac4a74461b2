"""Questions put aside on disk until their batch has been answered. Memory O(one question), time O(bytes).

They are written as JSON: nothing that is read back can run code. Known are dataclasses, arrays, tuples, lists, mappings and
scalars; a dataclass is made again only if one of its class was put aside here.
"""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import numpy as np

Q = TypeVar("Q")


class Spool(Generic[Q]):
    """Questions in a temporary file without a name, in their order."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="nightjar-questions-")  # noqa: SIM115 - closed by __exit__
        self._classes: list[type] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, question: Q) -> None:
        """Put a question aside; raises TypeError if it holds what is none of the known kinds."""
        self._file.write(json.dumps(self._pack(question)).encode() + b"\n")

    def __iter__(self) -> Iterator[Q]:
        self._file.seek(0)
        for line in self._file:
            yield self._unpack(json.loads(line))

    def _pack(self, value: Any) -> Any:
        """The value as JSON; whatever JSON has no word for becomes a list that begins with its kind."""
        if value is None or isinstance(value, str | bool | int | float):
            return value
        if isinstance(value, np.ndarray):
            data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
            return ["array", value.dtype.str, list(value.shape), data]
        if isinstance(value, tuple | list):
            return [type(value).__name__, *map(self._pack, value)]
        if isinstance(value, Mapping):
            return ["dict", *([self._pack(key), self._pack(part)] for key, part in value.items())]
        if is_dataclass(value) and not isinstance(value, type):
            if type(value) not in self._classes:
                self._classes.append(type(value))
            parts = {field.name: self._pack(getattr(value, field.name)) for field in fields(value)}
            return ["object", self._classes.index(type(value)), parts]
        raise TypeError(f"a question holds a {type(value).__name__}, which can't be put aside")

    def _unpack(self, packed: Any) -> Any:
        if not isinstance(packed, list):
            return packed
        kind, *parts = packed
        if kind == "array":
            dtype, shape, data = parts
            return np.frombuffer(base64.b64decode(data), dtype=np.dtype(dtype)).reshape(shape)
        if kind == "dict":
            return {self._unpack(key): self._unpack(part) for key, part in parts}
        if kind == "object":
            number, values = parts
            return self._classes[number](**{name: self._unpack(part) for name, part in values.items()})
        return tuple(map(self._unpack, parts)) if kind == "tuple" else list(map(self._unpack, parts))
