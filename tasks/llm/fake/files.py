"""The files endpoint: what was uploaded and what batches wrote, kept in memory. The clock is handed in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.llm.fake.paging import page
from tasks.llm.fake.replies import Refusal

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
_PART_NAME = re.compile(rb'[; ]name="([^"]*)"')
_FILE_NAME = re.compile(rb'filename="([^"]*)"')


@dataclass(frozen=True)
class StoredFile:
    """One file."""

    id: str
    purpose: str
    name: str
    content: bytes
    created_at: float

    def show(self) -> dict[str, Any]:
        """The file object of the API."""
        return {
            "object": "file",
            "id": self.id,
            "purpose": self.purpose,
            "filename": self.name,
            "bytes": len(self.content),
            "created_at": int(self.created_at),
            "expires_at": None,
            "status": "processed",
            "status_details": None,
        }


class FileStore:
    """Files by id, in the order in which they came."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._files: dict[str, StoredFile] = {}
        self._n_added = 0

    def upload(self, headers: Mapping[str, str], body: bytes, *, now: float) -> StoredFile:
        """Keep the file of a multipart form; raises Refusal for a form that lacks a part, or a file that is too large."""
        parts = parse_multipart(headers.get("content-type", ""), body)
        if "file" not in parts or "purpose" not in parts:
            missing = "file" if "file" not in parts else "purpose"
            raise Refusal(400, f"'{missing}' is a required property", param=missing)
        name, content = parts["file"]
        purpose = parts["purpose"][1].decode("utf-8", "replace")
        if purpose == "batch" and not name.endswith(".jsonl"):
            raise Refusal(400, "Invalid file format for Batch API. Must be .jsonl")
        if len(content) > self._max_bytes:
            limit = f"{self._max_bytes}) exceeded ({len(content)} bytes read)"
            raise Refusal(413, f"413: Maximum content size limit ({limit}", type="server_error")
        return self.add(name, content, purpose=purpose, now=now)

    def add(self, name: str, content: bytes, *, purpose: str, now: float) -> StoredFile:
        """Keep a file."""
        self._n_added += 1
        file = StoredFile(f"file-fake{self._n_added:08d}", purpose, name, content, now)
        self._files[file.id] = file
        return file

    def get(self, file_id: str) -> StoredFile:
        """The file; raises Refusal where there is none."""
        if file_id not in self._files:
            raise Refusal(404, f"No such File object: {file_id}", param="id")
        return self._files[file_id]

    def list(self, query: Mapping[str, str]) -> dict[str, Any]:
        """A page of files, newest first."""
        wanted = query.get("purpose")
        shown = [file.show() for file in reversed(self._files.values()) if wanted in (None, file.purpose)]
        return page(shown, query, default_limit=10_000, max_limit=10_000)

    def delete(self, file_id: str) -> dict[str, Any]:
        """Forget a file."""
        file = self.get(file_id)
        del self._files[file.id]
        return {"id": file.id, "object": "file", "deleted": True}


def parse_multipart(content_type: str, body: bytes) -> dict[str, tuple[str, bytes]]:
    """Form field to (file name, content); nothing where the body is no form."""
    boundary = _BOUNDARY.search(content_type)
    parts: dict[str, tuple[str, bytes]] = {}
    if "multipart/form-data" not in content_type or not boundary:
        return parts
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.group(1).encode())[1:]:
        head, mark, content = part.partition(b"\r\n\r\n")
        name = _PART_NAME.search(head)
        if mark and name:
            file_name = _FILE_NAME.search(head)
            shown = file_name.group(1).decode("utf-8", "replace") if file_name else ""
            parts[name.group(1).decode()] = (shown, content)
    return parts
