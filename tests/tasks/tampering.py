"""Changes what is published behind Nightjar's back, with or without making the checksums fit again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.connection import DATABASE
from warehouse.publication import Publication, resolve_latest

Change = Callable[[pa.Table], pa.Table]


def tamper(published: Path, change: Change, *, reseals: bool = True, publication: Publication | None = None) -> None:
    """Change the rows of the published recommendations; reseals: the manifest and the pointer say what is there now."""
    shown = publication or resolve_latest(published)
    path = shown.files("recommendations")[0]
    table = change(pq.ParquetFile(path).read())
    pq.write_table(table, path, compression="zstd")
    if reseals:
        content = {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}

        def state(manifest: dict[str, Any]) -> None:
            recommendations = manifest["tables"]["recommendations"]
            recommendations["rows"] += table.num_rows - recommendations["files"][0]["rows"]
            recommendations["files"][0] |= {**content, "rows": table.num_rows}

        edit_manifest(shown, state)


def edit_manifest(publication: Publication, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change a manifest, and the pointer's checksum of it if the pointer names it."""
    path = publication.published / "runs" / publication.publication_id / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    edit(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")
    pointer = publication.published / "latest.json"
    content = json.loads(pointer.read_text(encoding="utf-8"))
    if content["publication"] == publication.publication_id:
        content["manifest_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        pointer.write_text(json.dumps(content), encoding="utf-8")


def change_rows(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Change:
    """The same in Polars; the table keeps its schema."""

    def apply(table: pa.Table) -> pa.Table:
        return change(pl.DataFrame(pl.from_arrow(table))).to_arrow().cast(table.schema)

    return apply


def execute(folder: Path, statement: str) -> None:
    """Change the warehouse itself."""
    with duckdb.connect(str(folder / DATABASE)) as connection:
        connection.execute(statement)
