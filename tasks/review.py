"""What people should look at: texts that seem to address a model. Reads injection_suspected."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from warehouse.connection import open_warehouse


def read_suspicions(folder: Path) -> pl.DataFrame:
    """One row per catalog, source (item, profile) and kind: n_texts and an example."""
    with open_warehouse(folder, read_only=True) as warehouse:
        return warehouse.query("queries/suspicions_by_kind")
