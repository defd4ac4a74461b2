"""What lies at a replica's address and what a consumer reads there, night after night."""

from __future__ import annotations

import json
from collections.abc import Callable

import fsspec
import pyarrow.parquet as pq

Night = Callable[[int], None]


def read_reasons(address: str) -> set[str]:
    """As a consumer does it: latest.json once and in one request, and then only the paths of that run."""
    files, root = fsspec.core.url_to_fs(address, use_listings_cache=False)
    latest = json.loads(files.cat_file(f"{root}/latest.json"))
    reasons: list[str] = []
    for path in files.glob(f"{root}/{latest['tables']['recommendations']}"):
        with files.open(path, "rb") as file:
            reasons += pq.read_table(file, columns=["reason"])["reason"].to_pylist()
    assert len(reasons) == 12
    return set(reasons)


def list_files(address: str) -> set[str]:
    """All files there, by their paths from the address."""
    files, root = fsspec.core.url_to_fs(address, use_listings_cache=False)
    return {path[len(root.rstrip("/")) + 1 :] for path in files.find(root)}
