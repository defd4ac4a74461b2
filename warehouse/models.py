"""Trained models: a text file each under <folder>/models/, and a row in `models` with metadata and checksum.

A model's id is the hash of its text, so that the same training gives the same model, stored once.
"""

from __future__ import annotations

import hashlib
import os
from datetime import datetime

import polars as pl

from warehouse.connection import Warehouse
from warehouse.errors import WarehouseError
from warehouse.shards import sync_file, sync_folder


def store_model(warehouse: Warehouse, *, catalog: str, text: str, metadata: str, run_id: str, now: datetime) -> str:
    """Write the model and make it the catalog's latest; its id (16 hex digits)."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    folder = warehouse.folder / "models" / catalog
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{digest[:16]}.json"
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    sync_file(partial)
    os.replace(partial, path)
    sync_folder(folder)
    row = {
        "catalog": catalog,
        "model_id": digest[:16],
        "file": str(path.relative_to(warehouse.folder)),
        "sha256": digest,
        "metadata": metadata,
        "run_id": run_id,
        "trained_at": now,
    }
    warehouse.insert("models", pl.DataFrame([row]), on_conflict="replace")
    return digest[:16]


def latest_model(warehouse: Warehouse, *, catalog: str) -> tuple[str, str] | None:
    """Id and text of the model that was trained last, None if there is none. Raises WarehouseError on a changed file."""
    found = warehouse.query("queries/latest_model", catalog=catalog)
    if found.is_empty():
        return None
    model_id, file, sha256 = found.row(0)
    path = warehouse.folder / file
    if not path.exists():
        raise WarehouseError(f"model file {str(path)!r} is gone; run `nightjar train` to make a new one")
    text = path.read_text(encoding="utf-8")
    if hashlib.sha256(text.encode()).hexdigest() != sha256:
        raise WarehouseError(f"model file {str(path)!r} was changed; run `nightjar train` to make a new one")
    return model_id, text
