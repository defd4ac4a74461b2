"""Which files hold what is published now: reads latest.json once, then only what belongs to that run.

    latest = read_latest("/srv/nightjar/published")       # or s3://bucket/prefix, or any other URL of fsspec
    latest.files("recommendations", "u01")                # the one or two files that can hold this user
    latest.files("item_topics")                           # all files of a table

Copy this file beside the program that you copy; it needs nothing but Python, and fsspec (with s3fs) for URLs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Latest:
    """One publication; all that is read through it belongs together, even while the next one is published."""

    address: str
    manifest: dict[str, Any]

    @property
    def run(self) -> str:
        """The run that it shows."""
        return str(self.manifest["run"])

    def files(self, table: str, lead: str | None = None) -> list[str]:
        """The table's files; with lead, a value of its first sort column (a user, an item), those that can hold it.

        Files are sorted by that column, and the manifest has the first and the last value of each. A list that is empty
        means that nobody of that name is in it.
        """
        files = self.manifest["tables"][table]["files"]
        return [f"{self.address}/{file['path']}" for file in files if lead is None or _may_hold(file, lead)]


def read_latest(address: str) -> Latest:
    """What latest.json names at this moment."""
    pointer = json.loads(_read(address, "latest.json"))
    return Latest(address.rstrip("/"), json.loads(_read(address, pointer["manifest"])))


def open_filesystem(address: str) -> Any:
    """fsspec's file system of a URL; its keys and its server come from the environment (AWS_ACCESS_KEY_ID and so on)."""
    import fsspec

    return fsspec.core.url_to_fs(address, use_listings_cache=False)[0]


def _read(address: str, name: str) -> bytes:
    if "://" not in address:
        return (Path(address) / name).read_bytes()
    # In one request: opening a file asks for its size first, and the pointer may move on between the two.
    return bytes(open_filesystem(address).cat_file(f"{address.rstrip('/')}/{name}"))


def _may_hold(file: dict[str, Any], lead: str) -> bool:
    if file.get("first") is None:
        # A file without rows, or a publication from before manifests said this.
        return bool(file["rows"])
    return bool(file["first"] <= lead <= file["last"])
