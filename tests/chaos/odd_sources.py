"""A source of items to read whole, and a packed line without end to put into one."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

from tasks.contracts.catalog import SourceConfig
from tasks.readers import BadRow, read_batches

ITEMS = {"item_id": "id", "title": "title"}
MIB = 2**20


def source_of(format: str, path: Path, **config: Any) -> SourceConfig:
    """A file or folder of items, as a catalog describes it."""
    return SourceConfig.model_validate({"format": format, "path": str(path), "columns": ITEMS, **config})


def read(format: str, path: Path, **config: Any) -> tuple[int, list[BadRow]]:
    """How many rows were read, and the bad ones."""
    batches = list(read_batches(source_of(format, path, **config), "items"))
    return sum(len(batch.records) for batch in batches), [bad for batch in batches for bad in batch.bad]


def packed_line(before: bytes, piece: bytes, n_bytes: int, after: bytes) -> bytes:
    """Gzip of a long line between two short ones, without ever holding it."""
    buffer = io.BytesIO()
    with gzip.open(buffer, "wb", compresslevel=1) as file:
        file.write(before)
        for _ in range(n_bytes // len(piece)):
            file.write(piece)
        file.write(after)
    return buffer.getvalue()
