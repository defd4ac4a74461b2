"""The pointer's history as rows of `latest_publications`, where it outlives the publications that are retired."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from warehouse.connection import Warehouse
from warehouse.publication.pointer import read_history


def record_history(warehouse: Warehouse, published: Path) -> None:
    """Write all stays that `latest.json` tells of; a stay that a dead process did not record is made up for."""
    rows = [
        {
            "publication_id": stay.publication_id,
            "run_id": stay.run_id,
            "since": stay.since,
            "until": stay.until,
            "reason": stay.reason,
        }
        for stay in read_history(published)
    ]
    warehouse.insert(
        "latest_publications",
        pl.DataFrame(rows, schema_overrides={"until": pl.Datetime("us")}),
        on_conflict="replace",
    )
