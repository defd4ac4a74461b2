"""Fixtures of the reader tests: reading a source whole, and the folder of real data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.contracts.catalog import Kind, SourceConfig
from tasks.readers import BadRow, read_batches

REAL_DATA = Path(__file__).resolve().parents[2] / "../shared/data"


@dataclass(frozen=True)
class Result:
    """All that a source yielded."""

    records: pl.DataFrame
    bad: list[BadRow]

    @property
    def reasons(self) -> list[str]:
        return [row.reason for row in self.bad]

    def column(self, name: str) -> list[Any]:
        return self.records[name].to_list()


Read = Callable[..., Result]


@pytest.fixture(scope="session")
def read() -> Read:
    """read(format, path, kind="items", **SourceConfig fields): the whole source."""

    def read_source(
        format: str,
        path: Path,
        kind: Kind = "items",
        *,
        events: Sequence[str] = (),
        batch_rows: int = 5000,
        **config: Any,
    ) -> Result:
        source = SourceConfig.model_validate({"format": format, "path": str(path), **config})
        batches = list(read_batches(source, kind, events=events, batch_rows=batch_rows))
        bad = [row for batch in batches for row in batch.bad]
        return Result(pl.concat([batch.records for batch in batches]) if batches else pl.DataFrame(), bad)

    return read_source


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets, which is not part of the repository."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"real data is absent: {REAL_DATA} is no folder")
    return REAL_DATA
