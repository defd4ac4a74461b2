"""Whether rows lie in an order already, so that nobody need sort them. Reads the key columns of Parquet files, writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl


def is_ordered(rows: pl.DataFrame, by: Sequence[str]) -> bool:
    """Whether the rows ascend by these columns, the first before the others; rows with a null never do. O(rows).

    >>> is_ordered(pl.DataFrame({"user_id": ["a", "a", "b"], "rank": [1, 2, 1]}), ["user_id", "rank"])
    True
    """
    follows = pl.lit(value=True)
    for name in reversed(by):
        before = pl.col(name).shift(1)
        follows = (pl.col(name) > before) | ((pl.col(name) == before) & follows)
    has_null = any(rows[name].null_count() for name in by)
    return not has_null and bool(rows.select(follows.slice(1).all()).item())


def are_files_ordered(paths: Sequence[Path], by: Sequence[str]) -> bool:
    """Whether the rows of the files, one file after the other, ascend by these columns. Memory O(keys of a file)."""
    last: pl.DataFrame | None = None
    for path in paths:
        keys = pl.read_parquet(path, columns=list(by))
        if not is_ordered(keys if last is None else pl.concat([last, keys]), by):
            return False
        last = keys.tail(1) if keys.height else last
    return True
