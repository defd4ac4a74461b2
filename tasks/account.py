"""The account that a run gives of itself: how it stands, its stages, metrics and failed gates. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tasks.gates.suites import known_expectations
from warehouse.connection import open_warehouse
from warehouse.errors import WarehouseError


@dataclass(frozen=True)
class RunAccount:
    """One run. run: its row, with publication_id; stages: one row a stage and catalog; metrics: on the whole truth.

    gates are the expectations that failed, critical ones first, each with a JSON sample of its rows and its mend; n_gates
    counts all that were checked.
    """

    run: Mapping[str, Any]
    stages: pl.DataFrame
    metrics: pl.DataFrame
    gates: pl.DataFrame
    n_gates: int


def read_account(folder: Path, run_id: str) -> RunAccount:
    """The account of a run. Raises WarehouseError if there is no such run."""
    with open_warehouse(folder, read_only=True) as warehouse:
        found = warehouse.query("queries/account_run", run_id=run_id).to_dicts()
        if not found:
            raise WarehouseError(
                f"there is no run {run_id!r} in {str(folder)!r}; `nightjar status` shows the last ones"
            )
        gates = warehouse.query("queries/account_gates", run_id=run_id)
        return RunAccount(
            run=found[0],
            stages=warehouse.query("queries/account_stages", run_id=run_id),
            metrics=warehouse.query("queries/run_metrics", run_id=run_id),
            gates=gates.with_columns(mend=pl.Series([_mend(name) for name in gates["expectation"]], dtype=pl.String)),
            n_gates=int(warehouse.value("queries/count_run_results", run_id=run_id)),
        )


def _mend(expectation: str) -> str:
    known = known_expectations().get(expectation)
    return known.mend if known else "see the table quality_results"
