"""What each file of a stage's output held when it was written, and whether it still does.

A damaged shard is found before a row of it is used: a bit that turned on the disk would otherwise be a wrong score, or none.
Time O(bytes), memory O(one block); a file that was found whole is not read again by this process while it stays untouched.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from warehouse.errors import WarehouseError
from warehouse.shards import list_shards


def describe_files(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """name, n_rows, n_bytes, sha256 of each Parquet file."""
    return [
        {
            "name": path.name,
            "n_rows": pq.read_metadata(path).num_rows,
            "n_bytes": path.stat().st_size,
            "sha256": _hash(path),
        }
        for path in paths
    ]


def check_files(folder: Path, described: Sequence[Mapping[str, Any]], *, mend: str) -> None:
    """Raise WarehouseError that names the first file that is gone or changed; mend is the command that makes it anew."""
    for one in described:
        path = folder / one["name"]
        if not path.is_file():
            raise WarehouseError(f"file {str(path)!r} is gone; run `{mend}` to make it anew")
        n_bytes = path.stat().st_size
        if n_bytes != one["n_bytes"]:
            raise WarehouseError(
                f"file {str(path)!r} has {n_bytes} bytes, {one['n_bytes']} were written; run `{mend}` to make it anew"
            )
        if _hash(path) != one["sha256"]:
            raise WarehouseError(f"file {str(path)!r} was changed or is damaged; run `{mend}` to make it anew")
    strange = sorted({path.name for path in list_shards(folder)} - {one["name"] for one in described})
    if strange:
        raise WarehouseError(
            f"file {str(folder / strange[0])!r} was not written by the stage; run `{mend}` to make its output anew"
        )


def _hash(path: Path) -> str:
    found = path.stat()
    return _hash_once(path, found.st_mtime_ns, found.st_size, found.st_ino)


@functools.lru_cache(maxsize=65_536)
def _hash_once(path: Path, _mtime_ns: int, _n_bytes: int, _inode: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
