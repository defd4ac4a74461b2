"""Finds the hashes that two or more staged interactions share. Reads staged_interactions, writes repeated_hashes.

Sorting the bare numbers costs a third of what DuckDB's grouping does, where nearly each row is a group of its own.
Time O(rows log rows); memory O(PART_ROWS), for the hashes of more rows than that are gone through in parts.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from warehouse.connection import Warehouse

PART_ROWS = 2**24
"""Hashes at once: 128 MB of them, and as much again while they are put in one piece."""


def note_repeats(warehouse: Warehouse) -> None:
    """Store each hash that two or more of the staged interactions have."""
    n_staged: int = warehouse.value("ingest/count_interactions")
    n_parts = -(-n_staged // PART_ROWS)
    for part in range(n_parts):
        found = warehouse.query("ingest/hash_interactions", part=part, n_parts=n_parts)
        hashes = found["row_hash"].to_numpy(writable=True)
        warehouse.insert("repeated_hashes", pl.DataFrame({"row_hash": find_repeated(hashes)}))


def find_repeated(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The values that occur more than once, each once, in ascending order; sorts `hashes` in place.

    >>> find_repeated(np.array([3, 1, 3, 2, 1, 3], np.uint64))
    array([1, 3], dtype=uint64)
    """
    hashes.sort()
    return np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
