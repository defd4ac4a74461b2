"""A frame as a table on the terminal."""

from __future__ import annotations

import polars as pl
from rich.table import Table


def plain_table(frame: pl.DataFrame, title: str = "") -> Table:
    """Every row and column; numbers to the right, nulls empty, and no markup read into texts."""
    table = Table(title=title or None, title_justify="left")
    for name in frame.columns:
        table.add_column(name, overflow="fold", justify="right" if frame[name].dtype.is_numeric() else "left")
    for row in frame.iter_rows():
        table.add_row(*("" if value is None else _escape(str(value)) for value in row))
    return table


def _escape(text: str) -> str:
    return text.replace("[", "\\[")
