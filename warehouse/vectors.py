"""Reads vector columns as numpy arrays without a Python object a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from warehouse.connection import Warehouse

BATCH_ROWS = 20_000


def fill_vectors(warehouse: Warehouse, name: str, keys: pl.Series, **values: Any) -> NDArray[np.float32] | None:
    """(n, d): the column `vector` of `sql/<name>.sql` in the order of keys (n,), a zero row where there is none; None if none is.

    The statement's other column has the keys. Read as a stream: one copy of the vectors is in memory, and a batch.
    """
    places = pl.DataFrame({"key": keys}).with_row_index("place")
    filled: NDArray[np.float32] | None = None
    for batch in warehouse.batches(name, rows=BATCH_ROWS, **values):
        table = pa.Table.from_batches([batch])
        frame, vectors = _split(table)
        if filled is None:
            filled = np.zeros((len(keys), vectors.shape[1]), dtype=np.float32)
        wanted = frame.select(pl.first().alias("key")).with_row_index("row").join(places, on="key")
        filled[wanted["place"].to_numpy()] = vectors[wanted["row"].to_numpy()]
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
