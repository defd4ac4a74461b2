"""Reads vector columns as numpy arrays without a Python object a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from warehouse.connection import Warehouse


def read_vectors(warehouse: Warehouse, name: str, **values: Any) -> tuple[pl.DataFrame, NDArray[np.float32]]:
    """The other columns of `sql/<name>.sql` as a frame (n rows) and its column `vector` as float32 (n, d); (0, 0) if empty."""
    table = warehouse.arrow(name, **values)
    frame = pl.DataFrame(pl.from_arrow(table.drop_columns(["vector"])))
    if table.num_rows == 0:
        return frame, np.zeros((0, 0), dtype=np.float32)
    column = table["vector"].combine_chunks()
    column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    flat = column.flatten().to_numpy(zero_copy_only=False)
    return frame, np.ascontiguousarray(flat.reshape(table.num_rows, -1), dtype=np.float32)
