"""Input files of batches within the provider's limits. Memory O(rows of one file)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.llm.batch.book import BatchRow


@dataclass(frozen=True)
class FileLimits:
    """The most that one input file may hold: OpenAI's limits, with a little room in the bytes."""

    rows: int = 50_000
    bytes: int = 190_000_000


@dataclass(frozen=True)
class InputFile:
    """A complete input file: its SHA-256, path, requests and the questions that these ask."""

    key: str
    path: Path
    n_rows: int
    rows: tuple[BatchRow, ...]


class InputWriter:
    """Writes requests to input files in a folder, a new file when the last is full."""

    def __init__(self, folder: Path, limits: FileLimits) -> None:
        self._folder = folder
        self._limits = limits
        self._lines: list[bytes] = []
        self._rows: list[BatchRow] = []
        self._n_bytes = 0
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, keys: Sequence[str], body: dict[str, Any]) -> InputFile | None:
        """Take one request that asks the questions `keys`; the file that it did not fit into any more, if any.

        Its custom_id is the key of its first question, so that no reply can ever be taken for another's.
        """
        line = {"custom_id": keys[0], "method": "POST", "url": "/v1/chat/completions", "body": body}
        data = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode("utf-8", errors="replace") + b"\n"
        full = None
        if len(self._lines) == self._limits.rows or self._n_bytes + len(data) > self._limits.bytes:
            full = self.finish()
        self._lines.append(data)
        self._n_bytes += len(data)
        self._rows += [BatchRow(key, keys[0], position) for position, key in enumerate(keys)]
        return full

    def finish(self) -> InputFile | None:
        """Write what is held to a file named by its checksum; None where nothing is held."""
        if not self._lines:
            return None
        content = b"".join(self._lines)
        key = hashlib.sha256(content).hexdigest()
        path = self._folder / f"{key[:32]}.jsonl"
        part = path.with_suffix(".part")
        part.write_bytes(content)
        part.replace(path)
        made = InputFile(key, path, len(self._lines), tuple(self._rows))
        self._lines, self._rows, self._n_bytes = [], [], 0
        return made
