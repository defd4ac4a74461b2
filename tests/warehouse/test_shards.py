"""Shards: a folder without the suffix is complete, whatever dies when."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from warehouse.errors import WarehouseError
from warehouse.failures import explain_failure
from warehouse.shards import ShardWriter, list_shards, read_shards, sweep

FRAME = pl.DataFrame({"user_id": ["u1", "u2"], "score": [0.5, 0.25]})


def write(runs: Path, run_id: str = "r1", *frames: pl.DataFrame, stage: str = "scores") -> Path:
    with ShardWriter(runs, run_id, catalog="news", stage=stage) as shards:
        for frame in frames or (FRAME,):
            shards.write(frame)
    return shards.folder


def fail_after_one(runs: Path) -> None:
    with ShardWriter(runs, "r1", catalog="news", stage="scores") as shards:
        shards.write(FRAME.head(1))
        raise ValueError("boom")


def test_shards_come_back_in_order(tmp_path: Path) -> None:
    other = FRAME.with_columns(user_id=pl.Series(["u3", "u4"]))
    folder = write(tmp_path, "r1", FRAME, other)
    assert folder == tmp_path / "r1" / "news" / "scores"
    assert [path.name for path in list_shards(folder)] == ["shard-00000.parquet", "shard-00001.parquet"]
    assert [frame.rows() for frame in read_shards(folder)] == [FRAME.rows(), other.rows()]


def test_shards_computed_out_of_order_keep_their_numbers(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, "r1", catalog="news", stage="scores") as shards:
        shards.write(FRAME, number=1)
        shards.write(FRAME.head(1), number=0)
    assert [frame.height for frame in read_shards(shards.folder)] == [1, 2]
    assert shards.n_rows == 3


def test_shards_are_compressed(tmp_path: Path) -> None:
    (path,) = list_shards(write(tmp_path))
    assert pq.read_metadata(path).row_group(0).column(0).compression == "ZSTD"


def test_failed_stage_leaves_what_was_complete(tmp_path: Path) -> None:
    folder = write(tmp_path)
    with pytest.raises(ValueError, match="boom"):
        fail_after_one(tmp_path)
    assert [frame.height for frame in read_shards(folder)] == [2]
    assert sorted(path.name for path in folder.parent.iterdir()) == ["scores"]


def test_rerun_replaces_what_it_had_written(tmp_path: Path) -> None:
    write(tmp_path, "r1", FRAME, FRAME)
    assert [frame.height for frame in read_shards(write(tmp_path, "r1", FRAME.head(1)))] == [1]


def test_incomplete_stage_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="run the stage 'scores' first"):
        read_shards(tmp_path / "r1" / "news" / "scores")
    (tmp_path / "scores.partial").mkdir()
    with pytest.raises(WarehouseError, match="no complete shards"):
        read_shards(tmp_path / "scores.partial")


def test_killed_writer_is_swept_and_kept_runs_stay(tmp_path: Path) -> None:
    kept, old = write(tmp_path, "r2"), write(tmp_path, "r1")
    ShardWriter(tmp_path, "r2", catalog="news", stage="features").__enter__().write(FRAME)
    removed = sweep(tmp_path, {"r2"})
    assert removed == [tmp_path / "r1", tmp_path / "r2" / "news" / "features.partial"]
    assert not old.exists()
    assert list_shards(kept)
    assert sweep(tmp_path, {"r2"}) == []
    assert sweep(tmp_path / "nowhere", set()) == []


@pytest.mark.parametrize("is_full", [True, False])
def test_polars_words_for_a_full_disk_become_the_systems(tmp_path, monkeypatch, is_full):
    def fail(*_args, **_named):
        raise pl.exceptions.ComputeError("parquet: File out of specification: Invalid thrift: transport error")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", fail)
    with (
        pytest.raises(OSError if is_full else pl.exceptions.ComputeError) as caught,
        ShardWriter(tmp_path, "r1", catalog="news", stage="scores") as shards,
    ):
        if is_full:
            shards.place(0).symlink_to("/dev/full")
        shards.write(pl.DataFrame({"user_id": ["u"]}))
    line = explain_failure(caught.value)
    assert (line or "").startswith("the disk is full") == is_full
