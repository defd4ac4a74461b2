"""What a dead process leaves half written is swept when the next run starts, and nothing else is."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from published import facts, rows_of_all_tables

from tasks.runs import start_run
from warehouse.leftovers import sweep_leftovers
from warehouse.publication import publish, verify_publication

HALF = [
    "models/news/abc.json.partial",
    "reports/.r001.html.partial",
    ".data_docs.partial/index.html",
    "batches/abc.part",
    "tmp/duckdb_temp_storage-0.tmp",
    "runs/r001/news/scored.partial/shard-00000.parquet",
    "published/.staging-r001/recommendations/x.parquet",
    "published/recommendations/v1/run=r009/x.parquet",
]
WHOLE = [
    "models/news/abc.json",
    "reports/r001.html",
    "data_docs/index.html",
    "batches/abc.jsonl",
    "runs/r001/news/scored/shard-00000.parquet",
    "llm.sqlite",
]


def start(folder: Path, run_id: str) -> list[str]:
    return start_run(folder, run_id, as_of=date(2026, 11, 1), catalogs=["news"], code_version="test")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A warehouse with a publication, and with whole and half-written files."""
    publish(tmp_path / "published", rows_of_all_tables(), facts=facts("r0"), keep=2)
    for name in [*HALF, *WHOLE]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def test_start_after_a_crash_sweeps_what_is_half_written(folder: Path) -> None:
    assert start(folder, "dead") == []
    assert all((folder / name).exists() for name in HALF)
    assert start(folder, "next") == ["dead"]
    assert [name for name in HALF if (folder / name).exists()] == []
    assert not (folder / "tmp").exists()
    assert [name for name in WHOLE if not (folder / name).exists()] == []
    assert verify_publication(folder / "published").run_id == "r0"


def test_empty_folder_has_nothing_to_sweep(tmp_path: Path) -> None:
    assert sweep_leftovers(tmp_path) == []
