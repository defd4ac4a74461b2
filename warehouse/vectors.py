"""Reads vector columns as numpy arrays without a Python object a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from warehouse.connection import Warehouse

BATCH_ROWS = 2048
"""What a batch takes fits memory that the one before it gave back: more rows are new pages each time."""


def fill_vectors(warehouse: Warehouse, name: str, keys: pl.Series, **values: Any) -> NDArray[np.float32] | None:
    """(n, d): the column `vector` of `sql/<name>.sql` in the order of keys (n,), a zero row where there is none; None if none is.

    The statement's other column has the keys. Read as a stream: one copy of the vectors is in memory, and a batch.
    """
    if keys.is_empty():
        return None
    # Sorted once: to join each batch with all keys would take time that grows with their square.
    order = keys.arg_sort()
    ordered = keys.gather(order)
    filled: NDArray[np.float32] | None = None
    for batch in warehouse.batches(name, rows=BATCH_ROWS, **values):
        frame, vectors = _split(pa.Table.from_batches([batch]))
        if filled is None:
            filled = np.zeros((len(keys), vectors.shape[1]), dtype=np.float32)
        found = frame.to_series()
        at = ordered.search_sorted(found).clip(upper_bound=len(ordered) - 1)
        is_wanted = (ordered.gather(at) == found).to_numpy()
        places = order.gather(at).to_numpy()
        if is_wanted.all():
            filled[places] = vectors
        else:
            filled[places[is_wanted]] = vectors[is_wanted]
    return filled


def read_vectors(warehouse: Warehouse, name: str, **values: Any) -> tuple[pl.DataFrame, NDArray[np.float32]]:
    """The other columns of `sql/<name>.sql` as a frame (n rows) and its column `vector` as float32 (n, d); (0, 0) if empty."""
    return _split(warehouse.arrow(name, **values))


def _split(table: pa.Table) -> tuple[pl.DataFrame, NDArray[np.float32]]:
    frame = pl.DataFrame(pl.from_arrow(table.drop_columns(["vector"])))
    if table.num_rows == 0:
        return frame, np.zeros((0, 0), dtype=np.float32)
    column = table["vector"].combine_chunks()
    column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    flat = column.flatten().to_numpy(zero_copy_only=False)
    return frame, np.ascontiguousarray(flat.reshape(table.num_rows, -1), dtype=np.float32)
