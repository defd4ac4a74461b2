"""Outputs of stages: a folder counts once a row names it, and the latest one stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from filled_warehouse import NOW, insert

from warehouse.connection import Warehouse, open_warehouse
from warehouse.errors import WarehouseError
from warehouse.outputs import latest_output, stage_output, sweep_outputs

FRAME = pl.DataFrame({"user_id": ["u1"], "score": [0.5]})


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with open_warehouse(tmp_path) as opened:
        yield opened


def write(warehouse: Warehouse, run_id: str, *, stage: str = "scores", catalog: str = "news") -> None:
    with stage_output(warehouse, run_id=run_id, catalog=catalog, stage=stage) as output:
        output.write(FRAME)


def latest(warehouse: Warehouse, *, stage: str = "scores", catalog: str = "news") -> str:
    [path] = latest_output(warehouse, catalog=catalog, stage=stage, needs="score")
    return path.relative_to(warehouse.folder / "runs").parts[0]


def test_output_written_last_is_the_latest(warehouse: Warehouse) -> None:
    write(warehouse, "r1")
    write(warehouse, "r2")
    write(warehouse, "r3", catalog="books")
    assert latest(warehouse) == "r2"


def test_stage_that_failed_has_no_output(warehouse: Warehouse) -> None:
    write(warehouse, "r1")
    with (
        pytest.raises(ValueError, match="boom"),
        stage_output(warehouse, run_id="r2", catalog="news", stage="scores") as output,
    ):
        output.write(FRAME)
        raise ValueError("boom")
    assert latest(warehouse) == "r1"


def test_missing_output_says_which_command_makes_it(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="catalog 'news' has no scores yet; run `nightjar score` first"):
        latest(warehouse)


def test_sweep_keeps_the_last_runs_and_every_latest_output(warehouse: Warehouse) -> None:
    for number in range(1, 5):
        insert(
            warehouse, "runs", {"run_id": f"r{number}", "status": "completed", "started_at": NOW.replace(day=number)}
        )
        write(warehouse, f"r{number}")
    write(warehouse, "r1", stage="candidates")
    (warehouse.folder / "runs" / "r4" / "news" / "features.partial").mkdir()
    sweep_outputs(warehouse, keep=2)
    assert sorted(path.name for path in (warehouse.folder / "runs").iterdir()) == ["r1", "r3", "r4"]
    assert (latest(warehouse), latest(warehouse, stage="candidates")) == ("r4", "r1")
    assert not (warehouse.folder / "runs" / "r4" / "news" / "features.partial").exists()
