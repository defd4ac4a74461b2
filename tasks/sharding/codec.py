"""Kits and parts as files: a tree in JSON, with .npy and Parquet for what is large. Never pickle.

Known are None, numbers, texts, lists, tuples, dicts, days and times, numpy arrays, scipy's sparse matrices, polars frames
and series, pydantic models, and objects of the project's own classes (PACKAGES) by their attributes. What is
met twice is written once. Reading makes objects without running a constructor, and only of classes in PACKAGES.
"""

from __future__ import annotations

import base64
import dataclasses
import importlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel
from scipy import sparse

from tasks.contracts.errors import StepError

PACKAGES = (
    "tasks.retrieval.",
    "tasks.ranking.",
    "tasks.contracts.",
    "tasks.loading.",
    "tasks.labelers.",
    "tasks.sharding.",
)
INLINE_ITEMS = 64
"""A list of more texts is a file of its own."""

INLINE_BYTES = 4096
"""So is a larger array; a vector is no file."""

Buffer = bytes | memoryview
Node = Any


class Sink(Protocol):
    """Takes the pieces of a tree."""

    def add(self, suffix: str, buffers: Sequence[Buffer]) -> str:
        """Keep a piece; the name under which it is found again."""
        ...


class Origin(Protocol):
    """Gives the pieces of a tree back."""

    def array(self, name: str) -> NDArray[Any]:
        """A piece that was written as .npy."""
        ...

    def read(self, name: str) -> bytes:
        """Any piece."""
        ...


def encode(value: object, sink: Sink) -> bytes:
    """The tree as JSON text; large pieces go to the sink. Raises StepError that names what can't be written."""
    return json.dumps(_Encoder(sink).node(value, "kit"), ensure_ascii=False, separators=(",", ":")).encode()


def decode(text: bytes, origin: Origin) -> Any:
    """The value that encode was given. Raises StepError on anything that encode does not write."""
    try:
        return _Decoder(origin).value(json.loads(text))
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise StepError(
            f"what lies in the shared folder is no kit of this version ({error}); run the stage again"
        ) from error


class _Encoder:
    """Walks a value. held keeps what was met alive, so that an id stays that object's."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._known: dict[int, int] = {}
        self._held: list[object] = []

    def node(self, value: object, path: str) -> Node:
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, int | float):
            return float(value) if isinstance(value, float) else int(value)
        if isinstance(value, np.generic):
            return self.node(value.item(), path)
        if isinstance(value, datetime | date):
            return {"day" if type(value) is date else "time": value.isoformat()}
        if id(value) in self._known:
            return {"again": self._known[id(value)]}
        self._known[id(value)] = len(self._held)
        self._held.append(value)
        return {"n": self._known[id(value)], **self._large(value, path)}

    def _large(self, value: object, path: str) -> dict[str, Node]:
        if isinstance(value, np.ndarray):
            return {"few": _inline(value)} if _is_small(value) else {"array": self._array(value, path)}
        if sparse.issparse(value):
            return self._sparse(value, path)
        if isinstance(value, pl.DataFrame):
            return {"frame": self._frame(value) if value.width else None}
        if isinstance(value, pl.Series):
            return {"series": self._frame(value.alias("values").to_frame()), "name": value.name}
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return {"named": _name_of(value, path), "of": self._all(value, path)}
        if isinstance(value, list) and len(value) > INLINE_ITEMS and all(type(one) is str for one in value):
            return {"texts": self._frame(pl.DataFrame({"values": pl.Series(value, dtype=pl.String)}))}
        if isinstance(value, list | tuple):
            return {type(value).__name__: self._all(value, path)}
        if isinstance(value, set | frozenset):
            return {type(value).__name__: self._all(sorted(value), path)}
        if isinstance(value, Mapping):
            return {"dict": [[self.node(key, path), self.node(one, f"{path}[{key!r}]")] for key, one in value.items()]}
        if isinstance(value, BaseModel):
            return {"model": _name_of(value, path), "values": value.model_dump_json()}
        names = _attributes(value, path)
        return {
            "object": _name_of(value, path),
            "state": {name: self.node(one, f"{path}.{name}") for name, one in names},
        }

    def _all(self, values: Sequence[object], path: str) -> list[Node]:
        return [self.node(one, f"{path}[{place}]") for place, one in enumerate(values)]

    def _sparse(self, matrix: Any, path: str) -> dict[str, Node]:
        if matrix.format not in ("csr", "csc"):
            raise StepError(
                f"{path} is a sparse matrix of format {matrix.format!r}, which is never written; make it csr"
            )
        parts = [self._array(part, path) for part in (matrix.data, matrix.indices, matrix.indptr)]
        return {"sparse": matrix.format, "shape": [int(size) for size in matrix.shape], "parts": parts}

    def _array(self, array: NDArray[Any], path: str) -> str:
        if array.dtype.hasobject:
            raise StepError(
                f"{path} is an array of Python objects, which is never written; make it an array of numbers"
            )
        whole = np.ascontiguousarray(array).reshape(array.shape)
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(head, np.lib.format.header_data_from_array_1_0(whole))
        return self._sink.add(".npy", [head.getvalue(), memoryview(whole.data).cast("B") if whole.nbytes else b""])

    def _frame(self, frame: pl.DataFrame) -> str:
        held = io.BytesIO()
        frame.write_parquet(held, compression="lz4", statistics=False)
        return self._sink.add(".parquet", [held.getbuffer()])


class _Decoder:
    """Builds the value again, in the order in which it was walked."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._known: dict[int, Any] = {}

    def value(self, node: Node) -> Any:
        if not isinstance(node, dict):
            return node
        if "again" in node:
            return self._known[node["again"]]
        if "day" in node:
            return date.fromisoformat(node["day"])
        if "time" in node:
            return datetime.fromisoformat(node["time"])
        if "object" in node:
            return self._object(node)
        kind = next(key for key in node if key != "n")
        made = _READERS[kind](self, node)
        self._known[node["n"]] = made
        return made

    def all(self, nodes: Sequence[Node]) -> list[Any]:
        return [self.value(node) for node in nodes]

    def array(self, name: str) -> NDArray[Any]:
        return self._origin.array(name)

    def frame(self, name: str | None) -> pl.DataFrame:
        return pl.DataFrame() if name is None else pl.read_parquet(self._origin.read(name))

    def sparse(self, node: Node) -> Any:
        made = {"csr": sparse.csr_matrix, "csc": sparse.csc_matrix}[node["sparse"]]
        data, indices, indptr = (self.array(name) for name in node["parts"])
        return made((data, indices, indptr), shape=tuple(node["shape"]), copy=False)

    def _object(self, node: Node) -> Any:
        made = object.__new__(_class_of(node["object"]))
        self._known[node["n"]] = made
        made.__dict__.update({name: self.value(one) for name, one in node["state"].items()})
        return made


_READERS: Mapping[str, Callable[[_Decoder, Node], Any]] = {
    "array": lambda reader, node: reader.array(node["array"]),
    "few": lambda _, node: _read_inline(*node["few"]),
    "sparse": lambda reader, node: reader.sparse(node),
    "frame": lambda reader, node: reader.frame(node["frame"]),
    "series": lambda reader, node: reader.frame(node["series"])["values"].alias(node["name"]),
    "named": lambda reader, node: _class_of(node["named"])(*reader.all(node["of"])),
    "texts": lambda reader, node: reader.frame(node["texts"])["values"].to_list(),
    "list": lambda reader, node: reader.all(node["list"]),
    "tuple": lambda reader, node: tuple(reader.all(node["tuple"])),
    "set": lambda reader, node: set(reader.all(node["set"])),
    "frozenset": lambda reader, node: frozenset(reader.all(node["frozenset"])),
    "dict": lambda reader, node: {reader.value(key): reader.value(one) for key, one in node["dict"]},
    "model": lambda reader, node: _class_of(node["model"]).model_validate_json(node["values"]),
}


def _attributes(value: object, path: str) -> list[tuple[str, object]]:
    """What makes the object: a dataclass's fields, else all of its attributes; cached properties are made anew."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(one.name, getattr(value, one.name)) for one in dataclasses.fields(value)]
    if not hasattr(value, "__dict__"):
        raise StepError(f"{path} is a {type(value).__name__}, which can't be written for workers")
    return [
        (name, one) for name, one in vars(value).items() if not isinstance(getattr(type(value), name, None), property)
    ]


def _name_of(value: object, path: str) -> str:
    kind = type(value)
    name = f"{kind.__module__}:{kind.__qualname__}"
    if not kind.__module__.startswith(PACKAGES) or "<" in name:
        raise StepError(f"{path} is a {kind.__module__}.{kind.__qualname__}, which can't be written for workers")
    return name


def _class_of(name: str) -> Any:
    module, _, qualified = name.partition(":")
    if not module.startswith(PACKAGES):
        raise StepError(
            f"a kit names the class {name!r}, which is not the project's; the shared folder was tampered with"
        )
    found: Any = importlib.import_module(module)
    for part in qualified.split("."):
        found = getattr(found, part)
    if not isinstance(found, type):
        raise StepError(f"a kit names {name!r} as a class, which it is not; the shared folder was tampered with")
    return found


def _is_small(array: NDArray[Any]) -> bool:
    return array.nbytes <= INLINE_BYTES and array.dtype.kind in "biufS"


def _inline(array: NDArray[Any]) -> Node:
    return [array.dtype.str, list(array.shape), base64.b64encode(array.tobytes()).decode()]


def _read_inline(dtype: str, shape: Sequence[int], content: str) -> NDArray[Any]:
    return np.frombuffer(base64.b64decode(content, validate=True), dtype=np.dtype(dtype)).reshape(shape).copy()
