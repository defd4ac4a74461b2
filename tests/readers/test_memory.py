"""Reading takes the memory of a batch, not of the file."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from tasks.contracts.catalog import SourceConfig
from tasks.readers import read_batches

ROWS = 12_000
TEXT = "some words of a text that is read and let go " * 20  # 900 bytes
LIMIT = 4 * 2**20  # the files hold some 11 MB
COLUMNS = {"item_id": "id", "title": "title", "text": "body"}


def json_lines() -> Iterator[bytes]:
    for n in range(ROWS):
        yield (json.dumps({"id": n, "title": f"T{n}", "body": TEXT}) + "\n").encode()


def write_csv(folder: Path) -> Path:
    path = folder / "rows.csv"
    with path.open("w") as file:
        file.write("id,title,body\n")
        file.writelines(f'{n},"T{n}","{TEXT}"\n' for n in range(ROWS))
    return path


def write_jsonl_gz(folder: Path) -> Path:
    path = folder / "rows.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.writelines(json_lines())
    return path


def write_jsonl_zip(folder: Path) -> Path:
    path = folder / "rows.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("r.jsonl", "w") as file,
    ):
        for line in json_lines():
            file.write(line)
    return path


def write_parquet(folder: Path) -> Path:
    path = folder / "rows.parquet"
    texts = [f"{n} {TEXT}" for n in range(ROWS)]
    frame = pl.DataFrame({"id": range(ROWS), "title": "T", "body": texts})
    frame.write_parquet(path, row_group_size=1000, compression="zstd")
    return path


@pytest.mark.parametrize(
    ("format", "write"),
    [("csv", write_csv), ("jsonl", write_jsonl_gz), ("jsonl", write_jsonl_zip), ("parquet", write_parquet)],
)
def test_memory_does_not_grow_with_the_file(tmp_path: Path, format: str, write: object) -> None:
    assert callable(write)
    source = SourceConfig.model_validate({"format": format, "path": str(write(tmp_path)), "columns": COLUMNS})
    before, most, count = pa.total_allocated_bytes(), 0, 0
    tracemalloc.start()
    try:
        for batch in read_batches(source, "items", batch_rows=200):
            count += len(batch.records)
            most = max(most, pa.total_allocated_bytes() - before)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == ROWS
    assert peak < LIMIT
    assert most < LIMIT
